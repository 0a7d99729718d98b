import MinionCore
import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A cache's folder, which this process alone uses as long as it holds its lock.
struct CacheFolder: Sendable {
    /// Absolute.
    let path: String
    private let lock: OwnedDescriptor

    /// What lies under `path`, by the names of tasks.
    var tasks: String { path + "/tasks" }

    /// Makes the folder if it is missing, and locks it.
    init(_ path: String) throws {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw StorageError(.invalid, "the cache folder's name is empty or has a zero byte in it")
        }
        try Self.make(path)
        self.path = try Self.absolute(path)
        try Self.check(self.path)
        lock = try Self.lock(self.path)
        try Self.makeOwn(tasks)
        try Self.check(tasks)
    }

    /// A descriptor that stands for the file system of the folder.
    var anchor: OwnedDescriptor { lock }

    /// Gives up the lock.
    func unlock() {
        // Others may hold the descriptor for a moment, so that to close it would not be enough.
        ftruncate(lock.raw, 0)
        flock(lock.raw, LOCK_UN)
    }

    // MARK: - Making and checking

    private static func make(_ path: String) throws {
        var position = path.startIndex
        while let slash = path[position...].dropFirst().firstIndex(of: "/") {
            // Whatever stands in the way is reported by the folder itself, below.
            mkdir(String(path[..<slash]), 0o755)
            position = slash
        }
        try makeOwn(path)
        let status = try cacheReporting("look at", path) { try FileStatus.ofLink(path) }
        guard let status, status.isSymbolicLink, status.owner != geteuid(), status.owner != 0 else { return }
        throw StorageError(
            .denied, "the cache folder \(path) is a symbolic link of another user; choose another cache folder")
    }

    static func makeOwn(_ path: String) throws {
        try cacheReporting("make the folder", path) {
            do throws(Errno) {
                try systemCall { mkdir(path, 0o700) }
            } catch {
                if error.rawValue == EEXIST { return }
                // It may be there already in a place that is read-only.
                guard error.rawValue == EROFS, try FileStatus.ofTarget(path) != nil else { throw error }
            }
        }
    }

    private static func absolute(_ path: String) throws -> String {
        guard let resolved = realpath(path, nil) else {
            throw StorageError("find", path, Errno(rawValue: errno), place: "cache folder")
        }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private static func check(_ path: String) throws {
        let status = try cacheReporting("look at", path) { try FileStatus.ofTarget(path) }
        guard let status, status.isFolder else {
            throw StorageError(.notRegular, "\(path) is no folder; choose another cache folder")
        }
        guard status.owner == geteuid() else {
            throw StorageError(
                .denied,
                "the cache folder \(path) belongs to the user with the number \(status.owner), not to \(geteuid()), who "
                    + "runs this; choose another cache folder")
        }
        guard status.isOurs else {
            throw StorageError(
                .denied,
                "others may write to the cache folder \(path); run chmod 700 \(path) if its content can be trusted")
        }
    }

    // MARK: - Lock

    private static func lock(_ folder: String) throws -> OwnedDescriptor {
        let path = folder + "/lock"
        return try cacheReporting("open", path) {
            let file = try OwnedDescriptor(open: path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, mode: 0o600)
            guard try file.status().isPrivate else {
                throw StorageError(
                    .notRegular, "\(path) is no plain file of your own; remove it or choose another cache folder")
            }
            do throws(Errno) {
                try file.lock()
            } catch {
                throw error.rawValue == EWOULDBLOCK
                    ? busy(folder, file) : StorageError("lock", path, error, place: "cache folder")
            }
            // Who holds it, for the next who asks. On a full disk nobody learns it.
            try? file.resize(to: 0)
            try? file.write(Array("\(getpid())\n".utf8))
            return file
        }
    }

    private static func busy(_ folder: String, _ file: OwnedDescriptor) -> StorageError {
        let text = String(unsafeUninitializedCapacity: 32) { buffer in
            (try? file.read(at: 0, into: UnsafeMutableRawBufferPointer(buffer))) ?? 0
        }
        let holder = Int32(text.prefix { $0.isNumber }).map { "another minion (process \($0))" } ?? "another minion"
        return StorageError(
            .busy, "the cache folder \(folder) is in use by \(holder); stop it, or choose another cache folder")
    }
}

/// As `reporting`, with advice that fits a cache.
func cacheReporting<Result>(_ action: String, _ path: String, _ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let error as Errno {
        throw StorageError(action, path, error, place: "cache folder")
    }
}

import MinionCore
package import Wire

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The file that keeps a tracker's key: `tracker.key`, 64 hexadecimal digits and a line feed, readable by its owner only.
package enum TrackerKeyFile {
    package static let name = "tracker.key"

    /// Reads the key from a directory. Makes the directory or the key if there is none. Blocks.
    package static func load(fromDirectory directory: String) throws(SchedulerError) -> TrackerKey {
        try prepare(directory)
        let path = directory + "/" + name
        if let key = try read(path) { return key }
        try store(TrackerKey(), at: path, in: directory)
        // Another process may have been first; its key is the one that counts.
        guard let key = try read(path) else { throw SchedulerError("\(path) vanished while it was made") }
        return key
    }

    private static func prepare(_ directory: String) throws(SchedulerError) {
        guard !directory.isEmpty else { throw SchedulerError("the data directory has no name") }
        try makeParents(of: directory)
        if mkdir(directory, 0o700) != 0, errno != EEXIST {
            throw SchedulerError("cannot make the data directory \(directory): \(reason())")
        }
        var info = stat()
        guard lstat(directory, &info) == 0 else {
            throw SchedulerError("cannot look at the data directory \(directory): \(reason())")
        }
        if info.st_mode & S_IFMT == S_IFLNK, info.st_uid == geteuid() {
            guard stat(directory, &info) == 0 else {
                throw SchedulerError("cannot look at the data directory \(directory): \(reason())")
            }
        }
        guard info.st_mode & S_IFMT == S_IFDIR else { throw SchedulerError("\(directory) is no directory") }
        guard info.st_uid == geteuid() else {
            throw SchedulerError("the data directory \(directory) belongs to somebody else; use one of your own")
        }
        guard info.st_mode & 0o002 == 0 else {
            throw SchedulerError("anybody may write to the data directory \(directory); run chmod 700 \(directory)")
        }
    }

    private static func makeParents(of directory: String) throws(SchedulerError) {
        var position = directory.startIndex
        while let slash = directory[position...].dropFirst().firstIndex(of: "/") {
            let parent = String(directory[..<slash])
            if mkdir(parent, 0o755) != 0, errno != EEXIST, errno != EISDIR, errno != EROFS {
                throw SchedulerError("cannot make the directory \(parent): \(reason())")
            }
            position = slash
        }
    }

    /// The key in the file; nil if there is no file.
    private static func read(_ path: String) throws(SchedulerError) -> TrackerKey? {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw SchedulerError("cannot open \(path): \(errno == ELOOP ? "it is a symbolic link" : reason())")
        }
        defer { close(descriptor) }
        var info = stat()
        guard fstat(descriptor, &info) == 0, info.st_mode & S_IFMT == S_IFREG else {
            throw SchedulerError("\(path) is no file")
        }
        guard info.st_uid == geteuid() else { throw SchedulerError("\(path) belongs to somebody else") }
        guard info.st_mode & 0o077 == 0 else {
            throw SchedulerError("others may read or write \(path); run chmod 600 \(path), or remove it for a new key")
        }
        var buffer = [UInt8](repeating: 0, count: 128)
        var count = 0
        while count < buffer.count {
            let result = buffer.withUnsafeMutableBytes { bytes in
                systemRead(descriptor, UnsafeMutableRawBufferPointer(rebasing: bytes[count...]))
            }
            if result < 0, errno == EINTR { continue }
            guard result >= 0 else { throw SchedulerError("cannot read \(path): \(reason())") }
            guard result > 0 else { break }
            count += result
        }
        let text = String(decoding: buffer[..<count], as: UTF8.self)
        guard let bytes = Hex.bytes(text.last == "\n" ? String(text.dropLast()) : text),
            let key = TrackerKey(privateBytes: bytes)
        else { throw SchedulerError("\(path) holds no key; restore it, or remove it for a new one") }
        return key
    }

    /// Writes a key under a name of its own and links it to `path`, so that the file is never seen half written and a
    /// key that is already there is never replaced.
    private static func store(_ key: TrackerKey, at path: String, in directory: String) throws(SchedulerError) {
        let draft = path + "." + Hex.padded(UInt64.random(in: .min ... .max))
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SchedulerError("cannot make \(draft): \(reason())") }
        defer {
            close(descriptor)
            unlink(draft)
        }
        let text = Array((Hex.text(key.privateBytes) + "\n").utf8)
        let written = text.withUnsafeBytes { systemWrite(descriptor, $0) }
        guard written == text.count, fsync(descriptor) == 0 else {
            throw SchedulerError("cannot write \(draft): \(reason())")
        }
        guard link(draft, path) == 0 || errno == EEXIST else {
            throw SchedulerError("cannot make \(path): \(reason())")
        }
        let folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if folder >= 0 {
            fsync(folder)
            close(folder)
        }
    }

    private static func reason() -> String { String(cString: strerror(errno)) }

    private static func systemRead(_ descriptor: Int32, _ bytes: UnsafeMutableRawBufferPointer) -> Int {
        #if canImport(Darwin)
            Darwin.read(descriptor, bytes.baseAddress, bytes.count)
        #elseif canImport(Musl)
            Musl.read(descriptor, bytes.baseAddress, bytes.count)
        #else
            Glibc.read(descriptor, bytes.baseAddress, bytes.count)
        #endif
    }

    private static func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        #if canImport(Darwin)
            Darwin.write(descriptor, bytes.baseAddress, bytes.count)
        #elseif canImport(Musl)
            Musl.write(descriptor, bytes.baseAddress, bytes.count)
        #else
            Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        #endif
    }
}

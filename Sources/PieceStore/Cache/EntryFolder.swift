import MinionCore
import SystemPackage

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// What is written about one version of one task, in the file `entry`.
struct EntryRecord: Codable, Hashable, Sendable {
    private(set) var format = 1
    var task: TaskID
    var version: CachedVersion
    var label: CacheLabel
    /// In seconds of Unix time.
    var created: Double
    /// When this was last known to be what the source has, in seconds of Unix time.
    var confirmed: Double

    init(task: TaskID, version: CachedVersion, label: CacheLabel, created: Double, confirmed: Double) {
        self.task = task
        self.version = version
        self.label = label
        self.created = created
        self.confirmed = confirmed
    }
}

/// The folder of one version of one task: `content`, `pieces` (the journal) and `entry`, whose time of change is that of
/// the last use. Anything else in it is somebody else's, and is left alone.
struct EntryFolder: Hashable, Sendable {
    let task: TaskID
    /// 16 hexadecimal digits that stand for the version.
    let name: String
    /// The folder of all versions of the task.
    let parent: String
    let path: String

    private static let longestRecord = 256 << 10

    init(task: TaskID, name: String, tasks: String) {
        self.task = task
        self.name = name
        parent = "\(tasks)/\(task)"
        path = "\(parent)/\(name)"
    }

    static func name(of version: CachedVersion) -> String {
        String(PieceHasher.hash("\(version.size)/\(version.pieceSize)\n\(version.validator)").hex.prefix(16))
    }

    static func isName(_ text: String) -> Bool { text.utf8.count == 16 && text.utf8.allSatisfy(Hex.isLowerDigit) }

    var files: FileNames { FileNames(entry: path) }
    /// The name of a folder for content whose version is not known yet.
    static func makeUnsizedName() -> String { unsizedPrefix + Hex.padded(.random(in: .min ... .max)) }

    static func isUnsizedName(_ text: String) -> Bool {
        text.hasPrefix(unsizedPrefix) && isName(String(text.dropFirst(unsizedPrefix.count)))
    }

    private static let unsizedPrefix = "new-"

    private var record: String { path + "/entry" }
    private var newRecord: String { path + "/entry.new" }

    // MARK: - Reading

    /// What there is under an entry's name.
    enum Reading {
        case entry(EntryRecord, lastUsed: Double)
        /// What remains of one that was being made or removed: no record, and no content.
        case nothing
        /// Content, of which nobody can tell what it is, and why.
        case damaged(String)
        /// Not made by a cache.
        case foreign
    }

    func read() throws(Errno) -> Reading {
        guard let folder = try FileStatus.ofLink(path) else { return .nothing }
        guard folder.isFolder, folder.isOurs else { return .foreign }
        guard let status = try FileStatus.ofLink(record) else {
            return try FileStatus.ofLink(files.data) == nil ? .nothing : .damaged("its description is missing")
        }
        guard status.isRegular else { return .foreign }
        let file = try OwnedDescriptor(open: record, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        guard status.isPrivate, status.size <= Self.longestRecord else {
            return .damaged("its description is not its own")
        }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(status.size), alignment: 16)
        defer { buffer.deallocate() }
        let count = try file.read(at: 0, into: buffer)
        guard let record = try? JSONDecoder().decode(EntryRecord.self, from: Data(buffer[..<count])),
            record.format == 1,
            record.task == task, Self.name(of: record.version) == name, record.version.layout != nil
        else { return .damaged("its description cannot be read") }
        return .entry(record, lastUsed: Double(status.modified.seconds) + Double(status.modified.nanoseconds) / 1e9)
    }

    /// How much is there of a content that nobody has open, as the journal says.
    func content(_ version: CachedVersion) throws -> EntryContent {
        guard let journal = try journal(version) else { return EntryContent() }
        return EntryContent(
            bytesHere: journal.stored.reduce(0) { $0 + (version.layout?.length(of: $1.piece) ?? 0) },
            isComplete: journal.seal != nil)
    }

    /// The pieces of a content that nobody has open, as the journal says.
    func storedPieces(_ version: CachedVersion) throws -> [StoredPiece] { try journal(version)?.stored ?? [] }

    private func journal(_ version: CachedVersion) throws -> JournalContent? {
        guard let layout = version.layout else { return nil }
        return try Journal.read(
            files.journal, JournalHeader(task: task, validator: version.validator, layout: layout))
    }

    var exists: Bool { Self.mayBe(path) }
    var hasContent: Bool { Self.mayBe(files.data) }

    /// Whether something lies there, or something else keeps one from knowing.
    private static func mayBe(_ path: String) -> Bool {
        do {
            return try FileStatus.ofLink(path) != nil
        } catch {
            return true
        }
    }

    /// What the files of the entry take on the disk, in bytes.
    func bytesOnDisk() -> Int64 {
        ownFiles().reduce(0) { $0 + $1.status.allocated }
    }

    private func ownFiles() -> [(path: String, status: FileStatus)] {
        // The journal goes first: without it, content counts for nothing. The record goes last: with it, the rest is known.
        let names = (try? namesInFolder(path)) ?? []
        let own = names.compactMap { name in Self.order(of: name).map { (name, $0) } }
        return own.sorted { $0.1 < $1.1 }.compactMap { name, _ in
            let path = "\(self.path)/\(name)"
            guard let status = (try? FileStatus.ofLink(path)) ?? nil, status.isRegular else { return nil }
            return (path, status)
        }
    }

    /// The place of a file in the order of removal; nil if it is none of the cache's.
    private static func order(of name: String) -> Int? {
        switch name {
        case "pieces": 0
        case "content": 1
        case "entry.new": 2
        case "entry": 3
        default: FileNames.isHidden(name, beside: "content") ? 2 : nil
        }
    }

    // MARK: - Writing

    /// Makes the folder if it is missing.
    func make() throws {
        // Whoever has just removed the last version of the task may be about to remove the task's folder.
        for _ in 0..<100 {
            try CacheFolder.makeOwn(parent)
            do throws(Errno) {
                try systemCall { mkdir(path, 0o700) }
                return
            } catch  where error.rawValue == EEXIST {
                return
            } catch  where error.rawValue == ENOENT {
                continue
            } catch {
                throw StorageError("make the folder", path, error, place: "cache folder")
            }
        }
        throw StorageError("make the folder", path, .noSuchFileOrDirectory, place: "cache folder")
    }

    /// Writes the record in place of the old one, in one step.
    func write(_ record: EntryRecord, lastUsed: Double) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        guard let text = try? encoder.encode(record), text.count < Self.longestRecord else {
            throw StorageError(.invalid, "the description of \(path) is too long or has a number that is none")
        }
        try cacheReporting("write", self.record) {
            unlink(newRecord)
            do throws(Errno) {
                let file = try OwnedDescriptor(open: newRecord, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
                try file.write(Array(text) + [UInt8(ascii: "\n")])
                let times = Self.times(lastUsed)
                try systemCall { futimens(file.raw, times) }
                try systemCall { rename(newRecord, self.record) }
            } catch {
                unlink(newRecord)
                throw error
            }
        }
    }

    func touch(_ time: Double) throws {
        let times = Self.times(time)
        try cacheReporting("write", record) {
            _ = try systemCall { utimensat(AT_FDCWD, record, times, AT_SYMLINK_NOFOLLOW) }
        }
    }

    private static func times(_ time: Double) -> [timespec] {
        let seconds = min(max(time, 0), 1e12).rounded(.down)
        let spec = timespec(tv_sec: Int(seconds), tv_nsec: Int(min(max(time - seconds, 0), 0.999_999_999) * 1e9))
        return [spec, spec]
    }

    /// Removes the files of the entry, and the folders if nothing else is in them. Returns how many bytes that freed.
    func remove() throws -> Int64 {
        var freed: Int64 = 0
        for file in ownFiles() {
            try cacheReporting("remove", file.path) {
                do throws(Errno) {
                    try systemCall { unlink(file.path) }
                    freed += file.status.allocated
                } catch {
                    guard error.rawValue == ENOENT else { throw error }
                }
            }
        }
        rmdir(path)
        rmdir(parent)
        return freed
    }
}

/// How much of an entry is there.
struct EntryContent: Hashable, Sendable {
    /// Bytes of the pieces that the journal has.
    var bytesHere: Int64 = 0
    var isComplete = false
}

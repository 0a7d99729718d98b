import Crypto
import MinionCore
import SystemPackage

/// Where the parts of a download lie: the destination, and beside it under hidden names the data and the journal. In a
/// cache, all parts lie in a folder of their own, and the data under their final name from the beginning.
struct FileNames: Hashable, Sendable {
    let destination: String
    let folder: String
    let data: String
    let journal: String
    /// Whether they are an entry's of a cache.
    let isEntry: Bool

    /// The longest name that Linux file systems take, in bytes.
    private static let longestName = 255
    private static let dataSuffix = ".minion"
    private static let journalSuffix = ".minion-state"

    init(destination: String) throws {
        guard !destination.utf8.contains(0) else {
            throw StorageError(.invalid, "the destination's path has a zero byte in it")
        }
        let slash = destination.lastIndex(of: "/")
        let name = slash.map { destination[destination.index(after: $0)...] } ?? destination[...]
        guard !name.isEmpty, name != ".", name != ".." else {
            throw StorageError(.isFolder, "\"\(destination)\" names a folder; name a file in it")
        }
        guard name.utf8.count <= Self.longestName else {
            throw StorageError(
                .nameTooLong,
                "the name \(name) has \(name.utf8.count) bytes; choose one of at most \(Self.longestName)")
        }
        // An empty folder stands for the root's own.
        let folder = slash.map { String(destination[..<$0]) } ?? "."
        let prefix = "\(folder)/.\(Self.clipped(name))"
        self.destination = destination
        self.folder = folder.isEmpty ? "/" : folder
        data = prefix + Self.dataSuffix
        journal = prefix + Self.journalSuffix
        isEntry = false
    }

    /// The parts of a cache's entry, which lie in `folder`.
    init(entry folder: String) {
        self.folder = folder
        destination = "\(folder)/content"
        data = destination
        journal = "\(folder)/pieces"
        isEntry = true
    }

    /// Whether `name` may be a hidden one of `makeHiddenName` for a content called `content`.
    static func isHidden(_ name: String, beside content: String) -> Bool {
        name.hasPrefix(content + "-") && name.utf8.count == content.utf8.count + 1 + hiddenLetters
    }

    private static let hiddenLetters = journalSuffix.utf8.count - dataSuffix.utf8.count - 1

    /// A hidden name beside the destination that nobody has taken, as far as chance can tell.
    func makeHiddenName() -> String {
        let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789")
        return "\(data)-" + String((0..<Self.hiddenLetters).map { _ in letters[Int.random(in: letters.indices)] })
    }

    /// The name itself if there is room for the longest suffix behind it, else its beginning and a hash of the whole.
    private static func clipped(_ name: Substring) -> String {
        let room = longestName - 1 - journalSuffix.utf8.count
        guard name.utf8.count > room else { return String(name) }
        var hasher = SHA256()
        Array(name.utf8).withUnsafeBytes { hasher.update(bufferPointer: $0) }
        let tail = "-" + Hex.text(hasher.finalize().prefix(8))
        var head = ""
        for scalar in name.unicodeScalars {
            guard head.utf8.count + UTF8.width(scalar) + tail.utf8.count <= room else { break }
            head.unicodeScalars.append(scalar)
        }
        return head + tail
    }

    /// Throws if something other than a plain file lies at the destination. A symbolic link to a plain file (or to
    /// nothing) may lie there; it is the link that is replaced, never what it points to.
    func checkDestination() throws {
        let status: FileStatus?
        do throws(Errno) {
            status = try FileStatus.ofTarget(destination)
        } catch {
            throw StorageError("write to", destination, error)
        }
        guard let status else { return }
        guard !status.isFolder else {
            throw StorageError(.isFolder, "\(destination) is a folder; name a file in it")
        }
        guard status.isRegular else {
            throw StorageError(.notRegular, "\(destination) is no plain file; choose another destination")
        }
    }
}

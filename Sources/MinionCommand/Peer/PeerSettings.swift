import Glibc
package import MinionCore

/// What a long-running node keeps to: every setting with its value.
package struct PeerSettings: Hashable, Sendable {
    package var trackers: [String] = []
    package var managers: [String] = []
    package var joinToken: String?
    package var hostName = ""
    /// Absolute path.
    package var cacheFolder = ""
    package var cacheSize = CacheSize.share(percent: 25)
    /// How long content is kept that nobody asks for; nil: as long as there is room.
    package var cacheAge: Duration?
    package var listen = ":0"
    package var advertise: String?
    package var site = ""
    package var location = ""
    package var isSeed = false
    package var mayUpload = true
    package var mayUseSource = true
    /// What others may have this host read, beside public and private addresses.
    package var preheatSources: [String] = []
    package var downloadRate: ByteRate?
    package var uploadRate: ByteRate?
    package var sourceRate: ByteRate?
    package var uploadSlots = 8
    package var concurrentPieces = 8
    /// Absolute path.
    package var socket = ""
    package var logLevel = LogLevel.info
    package var logFormat = LogFormat.logfmt

    package enum LogLevel: String, CaseIterable, Sendable { case trace, debug, info, notice, warning, error, critical }
    package enum LogFormat: String, CaseIterable, Sendable { case logfmt, json }

    package init() {}

    /// How large the cache may grow, in bytes.
    func cacheLimit() throws(CommandError) -> Int64 {
        if case .bytes(let bytes) = cacheSize { return bytes }
        // The folder may not be there yet; then it will be on the file system of the nearest one that is.
        var folder = cacheFolder
        var status = statvfs()
        while statvfs(folder, &status) != 0 {
            guard errno == ENOENT, folder != "/", let slash = folder.lastIndex(of: "/") else {
                throw CommandError("cannot look at \(cacheFolder.quoted): \(lastError())")
            }
            folder = slash == folder.startIndex ? "/" : String(folder[..<slash])
        }
        return cacheSize.bytes(of: Int64(status.f_blocks) * Int64(status.f_frsize))
    }
}

/// How much of a disk the cache may take.
package enum CacheSize: Hashable, Sendable, CustomStringConvertible {
    case bytes(Int64)
    /// Of the file system that the cache is on.
    case share(percent: Int)

    /// `100G`, or `25%` of the file system.
    package init?(_ text: String) {
        if text.hasSuffix("%") {
            let digits = text.dropLast()
            guard digits.utf8.allSatisfy({ (48...57).contains($0) }), let percent = Int(digits),
                (1...100).contains(percent)
            else { return nil }
            self = .share(percent: percent)
        } else {
            guard let size = ByteSize(text), size.bytes > 0 else { return nil }
            self = .bytes(size.bytes)
        }
    }

    package var description: String {
        switch self {
        case .bytes(let bytes): "\(bytes)"
        case .share(let percent): "\(percent)%"
        }
    }

    /// In bytes, on a file system of `capacity` bytes.
    package func bytes(of capacity: Int64) -> Int64 {
        switch self {
        case .bytes(let bytes): bytes
        case .share(let percent): capacity / 100 * Int64(percent)
        }
    }
}

/// Where things are if nothing else is said.
package enum StandardPlaces {
    package static let settingsFile = "/etc/minion/peer.toml"

    /// `/var/cache/minion` for root; for others `$XDG_CACHE_HOME/minion`, else `~/.cache/minion`. Nil if there is no home.
    package static func cacheFolder(environment: [String: String], isRoot: Bool) -> String? {
        if isRoot { return "/var/cache/minion" }
        if let cache = environment["XDG_CACHE_HOME"], cache.hasPrefix("/") { return cache + "/minion" }
        if let home = environment["HOME"], home.hasPrefix("/") { return home + "/.cache/minion" }
        return nil
    }
}

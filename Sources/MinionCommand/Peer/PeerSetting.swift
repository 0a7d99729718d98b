/// The settings of a long-running node. One name for all: `--cache-size` as a flag, `MINION_CACHE_SIZE` in the
/// environment, `cache-size` in the file.
package enum PeerSetting: String, CaseIterable, Sendable {
    case tracker
    case manager
    case joinToken = "join-token"
    case hostName = "host-name"
    case cacheDir = "cache-dir"
    case cacheSize = "cache-size"
    case cacheAge = "cache-age"
    case listen
    case advertise
    case site
    case location
    case seed
    case upload
    case source
    case preheatSources = "preheat-sources"
    case downloadRate = "download-rate"
    case uploadRate = "upload-rate"
    case sourceRate = "source-rate"
    case uploadSlots = "upload-slots"
    case concurrentPieces = "concurrent-pieces"
    case socket
    case logLevel = "log-level"
    case logFormat = "log-format"

    /// Whether a running node takes on a new value when it reads its settings again (SIGHUP).
    package var isReloadable: Bool {
        switch self {
        case .cacheSize, .cacheAge, .downloadRate, .uploadRate, .sourceRate, .uploadSlots, .concurrentPieces: true
        default: false
        }
    }
}

extension PeerSetting {
    /// Whether it takes several values.
    var isList: Bool { [.tracker, .manager, .preheatSources].contains(self) }

    /// Whether its value is shown to nobody.
    var isSecret: Bool { self == .joinToken }
}

/// Where the value of a setting came from.
package enum SettingOrigin: Hashable, Sendable, CustomStringConvertible {
    case flag(String)
    case environment(String)
    case file(path: String, line: Int)
    case standard

    package var description: String {
        switch self {
        case .flag(let name): name
        case .environment(let name): "environment \(name)"
        case .file(let path, let line): "\(path):\(line)"
        case .standard: "default"
        }
    }
}

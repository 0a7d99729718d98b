import MinionCore
import Node

extension Download {
    /// How far a download is, and where its bytes came from.
    public struct Progress: Hashable, Sendable {
        /// Of the whole file, in bytes; nil until known.
        public let size: Int64?
        public let bytesFromSource: Int64
        public let bytesFromPeers: Int64
        /// What needed no network: left by an earlier download, or in the cache.
        public let bytesAlreadyHere: Int64
        /// Over the last seconds; in a result, over the whole download.
        public let bytesPerSecond: Double
        /// Other machines that send something.
        public let peers: Int
        public let elapsed: Duration
        /// What the user should know although the download goes on, since the last progress; one line each.
        public let warnings: [String]

        public var bytesDone: Int64 { bytesFromSource + bytesFromPeers + bytesAlreadyHere }

        /// From 0 to 1; nil until the size is known.
        public var fraction: Double? { size.map { $0 == 0 ? 1 : Swift.min(1, Double(bytesDone) / Double($0)) } }

        init(_ progress: DownloadProgress, warnings: [String] = []) {
            size = progress.size
            bytesFromSource = progress.bytesFromSource
            bytesFromPeers = progress.bytesFromPeers
            bytesAlreadyHere = progress.bytesAlreadyHere
            bytesPerSecond = progress.bytesPerSecond
            peers = progress.neighbours
            elapsed = .inSeconds(progress.seconds)
            self.warnings = warnings
        }
    }
}

/// A complete download.
public struct DownloadResult: Hashable, Sendable {
    /// Absolute path of the file.
    public let path: String
    /// In bytes.
    public let size: Int64
    public let bytesFromSource: Int64
    public let bytesFromPeers: Int64
    /// What needed no network: left by an earlier download, or in the cache.
    public let bytesAlreadyHere: Int64
    public let elapsed: Duration
    /// Why the source was read, one sentence each, most important first; empty if it was not.
    public let sourceReasons: [String]

    init(_ progress: DownloadProgress, path: String) {
        self.path = path
        size = progress.size ?? progress.bytesDone
        bytesFromSource = progress.bytesFromSource
        bytesFromPeers = progress.bytesFromPeers
        bytesAlreadyHere = progress.bytesAlreadyHere
        elapsed = .inSeconds(progress.seconds)
        sourceReasons = progress.sourceReasons
    }
}

import HostNode
import Node
import PieceStore

/// Why something could not be done. `code` is for programs, `message` for people.
public struct MinionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of failure that a program can tell apart; the same that the exit codes of `minion get` tell apart.
    public enum Code: String, Hashable, Sendable, CaseIterable {
        /// Anything without a kind of its own: no peers, a 4xx or 5xx of the source, local files.
        case failed
        /// An argument that makes no sense. Nothing was tried.
        case badArguments
        /// The whole file does not hash to what was asked for. Nothing was kept.
        case checksumMismatch
        /// No tracker answers, and the source was not to be read.
        case trackerUnreachable
        /// The source's host name does not resolve.
        case nameResolution
        /// The source does not accept connections.
        case sourceUnreachable
        /// No node of this host answers, and one of its own was not wanted.
        case noHostNode
    }

    public var code: Code
    /// One line, lower case: what happened, to what, and what to do about it.
    public var message: String

    public var description: String { message }

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    init(_ error: DownloadError) {
        let code: Code =
            switch error.kind {
            case .other: .failed
            case .badArguments: .badArguments
            case .checksumMismatch: .checksumMismatch
            case .trackerUnreachable: .trackerUnreachable
            case .nameResolution: .nameResolution
            case .sourceUnreachable: .sourceUnreachable
            }
        self.init(code, error.message)
    }

    /// Whatever a part below throws.
    init(_ error: any Error) {
        switch error {
        case let error as MinionError: self = error
        case let error as DownloadError: self.init(error)
        case let error as HostError: self.init(.noHostNode, error.message)
        case let error as StorageError: self.init(.failed, error.message)
        default: self.init(.failed, "\(error)")
        }
    }
}

package import Node

/// The exit codes of `minion`. Code 3 is free: the first Minion never used it.
package enum ExitStatus {
    package static let success: Int32 = 0
    /// Anything without a code of its own: no peers, 4xx or 5xx of the source, local files.
    package static let failure: Int32 = 1
    package static let badArguments: Int32 = 2
    package static let checksumMismatch: Int32 = 4
    package static let trackerUnreachable: Int32 = 5
    package static let nameResolution: Int32 = 6
    package static let sourceUnreachable: Int32 = 7

    /// What a shell reports for a process that a signal ended: 129 for SIGHUP, 130 for Ctrl-C, 141 for a closed pipe,
    /// 143 for SIGTERM.
    package static func signalled(_ signal: Int32) -> Int32 { 128 + signal }

    package static func code(for kind: DownloadError.Kind) -> Int32 {
        switch kind {
        case .other: failure
        case .badArguments: badArguments
        case .checksumMismatch: checksumMismatch
        case .trackerUnreachable: trackerUnreachable
        case .nameResolution: nameResolution
        case .sourceUnreachable: sourceUnreachable
        }
    }
}

package import Node

/// What `minion get` tells the node that it starts: one JSON line on the node's stdin. The pipe stays open as long as the
/// user is there.
package struct NodeOrder: Codable, Sendable {
    package var request: DownloadRequest
    /// How long to serve on after the file is complete.
    package var uploadSeconds: Double
    /// Whether the file is removed when serving ends.
    package var deletesFile: Bool
    /// Whether serving ends when the user is gone.
    package var servesForUser: Bool
    /// A folder of its own for the file, if the bytes go to stdout: removed with all that is in it, but not before the
    /// one who reads from it is gone.
    package var scratchFolder: String?
    /// 0…2, see `--verbose`.
    package var verbosity: Int
    /// Whether stderr is a log file; otherwise log lines travel with the updates.
    package var logsToStandardError: Bool

    package init(
        request: DownloadRequest, uploadSeconds: Double, deletesFile: Bool, servesForUser: Bool = false,
        scratchFolder: String? = nil, verbosity: Int = 0, logsToStandardError: Bool = false
    ) {
        self.request = request
        self.uploadSeconds = uploadSeconds
        self.deletesFile = deletesFile
        self.servesForUser = servesForUser
        self.scratchFolder = scratchFolder
        self.verbosity = verbosity
        self.logsToStandardError = logsToStandardError
    }
}

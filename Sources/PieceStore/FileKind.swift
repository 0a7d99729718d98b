/// What lies under a path, symbolic links followed.
package enum FileKind: Hashable, Sendable {
    /// Nothing, or nothing that can be looked at.
    case missing
    case file
    case folder
    /// A device, a pipe, a socket.
    case other

    package init(at path: String) {
        guard let status = try? FileStatus.ofTarget(path) else {
            self = .missing
            return
        }
        self = status.isFolder ? .folder : status.isRegular ? .file : .other
    }
}

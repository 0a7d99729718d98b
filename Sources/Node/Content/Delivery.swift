import MinionCore
import PieceStore
import SystemPackage

/// Hands complete content to one listener: checked, if it wants that, and put where it wants it.
struct Delivery: Sendable {
    let listener: DownloadListener
    /// What has been hashed for it already.
    var digest: DigestFollower?
    /// Where the content lies, and how long it is in bytes.
    let path: String
    let size: Int64

    /// Nil if all is well. Blocks.
    func carryOut(reader: () throws -> FileDescriptor) -> DownloadError? {
        do {
            return try check(reader) ?? place()
        } catch let error as ContentDigestError {
            return DownloadError(.badArguments, error.message)
        } catch {
            return DownloadError(.other, "\(error)")
        }
    }

    /// What the whole must hash to, and does not.
    func check(_ reader: () throws -> FileDescriptor) throws -> DownloadError? {
        guard let text = listener.request.digest else { return nil }
        let follower = try digest ?? DigestFollower(expected: ContentDigest(text), reader: reader())
        let destination = listener.request.destination
        return try follower.mismatch(size: size, name: destination.isEmpty ? listener.request.url : destination)
    }

    private func place() throws -> DownloadError? {
        let destination = listener.request.destination
        guard !destination.isEmpty, destination != path else { return nil }
        try Placement.put(source: path, at: destination) { _ in
            if listener.isGone { throw DownloadError(.other, "nobody wants \(destination) any more") }
        }
        return nil
    }
}

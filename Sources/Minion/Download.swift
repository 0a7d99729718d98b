import MinionCore
import NIOPosix
import Node
import PieceStore

/// A download: a sequence of how far it is, which ends when the file is complete, verified and in its place.
///
/// It begins when it is iterated, or when ``result()`` is called, and is over when that ends. Cancelling the task that
/// does so ends the download; what has arrived is kept for the next one, as it is after an error.
///
/// ```swift
/// for try await progress in client.download("https://host/disk.img", to: "/srv/disk.img") {
///     print(progress.fraction ?? 0)
/// }
/// ```
public struct Download: AsyncSequence, Sendable {
    public typealias Element = Progress
    public typealias Failure = any Error

    let backend: any Backend
    let request: @Sendable () throws(MinionError) -> DownloadRequest
    let destination: String
    let hardLink: Bool

    public func makeAsyncIterator() -> Iterator { Iterator(download: self) }

    /// Downloads without telling how far it is. Throws `MinionError`, and `CancellationError` if the task is cancelled.
    public func result() async throws -> DownloadResult {
        var iterator = makeAsyncIterator()
        while try await iterator.next() != nil {}
        guard let result = iterator.result else { throw CancellationError() }
        return result
    }

    public struct Iterator: AsyncIteratorProtocol {
        let download: Download
        private var listener: Listener?
        /// Set once the sequence has ended without an error.
        public private(set) var result: DownloadResult?

        init(download: Download) { self.download = download }

        /// Throws `MinionError`, and `CancellationError` if the task is cancelled.
        public mutating func next() async throws -> Progress? {
            guard result == nil else { return nil }
            let listener = try await begin()
            do {
                while true {
                    switch try await listener.next() {
                    case .progress(let progress): return Progress(progress, warnings: listener.takeWarnings())
                    case .prefix: continue
                    case .finished(let progress):
                        result = DownloadResult(progress, path: try await download.place(progress))
                        await listener.end()
                        return nil
                    }
                }
            } catch {
                await listener.end()
                throw error
            }
        }

        private mutating func begin() async throws -> Listener {
            if let listener { return listener }
            let listener = Listener(try await download.backend.download(try download.request()))
            self.listener = listener
            return listener
        }
    }

    /// Puts the file in its place if the node has not done so. Its absolute path.
    private func place(_ progress: DownloadProgress) async throws -> String {
        guard backend.hasCache else { return destination }
        guard let path = progress.path else {
            throw MinionError(.failed, "the node does not say where the content is; is it of another version?")
        }
        do {
            _ = try await NIOThreadPool.singleton.runIfActive { [destination, hardLink] in
                try Placement.put(source: path, at: destination, hardLink: hardLink)
            }
        } catch {
            throw MinionError(error)
        }
        return destination
    }
}

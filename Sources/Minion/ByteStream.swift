import MinionCore
import NIOPosix
import Node
import PieceStore
import Synchronization
import SystemPackage

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The bytes of a file in order, while it is downloaded: each chunk is verified before it is passed on.
///
/// It begins when it is iterated. A reader that is slow costs others nothing: the download goes on, and what has arrived
/// waits on the disk. Cancelling the task, or ending the iteration early, ends the download.
public struct ByteStream: AsyncSequence, Sendable {
    public typealias Element = [UInt8]
    public typealias Failure = any Error

    let backend: any Backend
    let request: @Sendable () throws(MinionError) -> DownloadRequest

    public func makeAsyncIterator() -> Iterator { Iterator(stream: self) }

    public struct Iterator: AsyncIteratorProtocol {
        let stream: ByteStream
        private var reading: Reading?

        init(stream: ByteStream) { self.stream = stream }

        /// The next bytes, up to 256 KiB; nil at the end of the file. Throws `MinionError`, and `CancellationError` if
        /// the task is cancelled.
        public mutating func next() async throws -> [UInt8]? {
            let reading = try await begin()
            do {
                guard let chunk = try await reading.next() else {
                    await reading.end()
                    return nil
                }
                return chunk
            } catch {
                await reading.end()
                throw error
            }
        }

        /// Where the bytes came from; nil before the end.
        public var result: DownloadResult? { reading?.result }

        private mutating func begin() async throws -> Reading {
            if let reading { return reading }
            var request = try stream.request()
            request.inOrder = true
            var folder: String?
            if !stream.backend.hasCache {
                let made = try await NIOThreadPool.singleton.runIfActive {
                    try ScratchFolder.make(in: ScratchFolder.place(environment: ProcessInfo.processInfo.environment))
                }
                request.destination = made + "/content"
                folder = made
            }
            let reading: Reading
            do {
                reading = Reading(
                    Listener(try await stream.backend.download(request)), destination: request.destination,
                    folder: folder)
            } catch {
                if let folder { ScratchFolder.remove(folder) }
                throw error
            }
            self.reading = reading
            return reading
        }
    }
}

/// A file that is read while it grows. One task uses it.
private final class Reading {
    private static let chunkSize = 256 << 10

    private let listener: Listener
    private let destination: String
    /// Where the file is, if it is nobody's but the reader's.
    private let folder: String?
    private var file: FileDescriptor?
    private var position: Int64 = 0
    /// How far it may be read.
    private var verified: Int64 = 0
    private(set) var result: DownloadResult?

    init(_ listener: Listener, destination: String, folder: String?) {
        self.listener = listener
        self.destination = destination
        self.folder = folder
    }

    deinit {
        try? file?.close()
        if let folder { ScratchFolder.remove(folder) }
    }

    func next() async throws -> [UInt8]? {
        while position == verified {
            guard result == nil else { return nil }
            switch try await listener.next() {
            case .progress: break
            case .prefix(let path, let bytes):
                try await open(path)
                verified = max(verified, bytes)
            case .finished(let progress):
                let path = progress.path ?? destination
                try await open(path)
                result = DownloadResult(progress, path: path)
                verified = progress.size ?? verified
            }
        }
        guard let file else { return nil }
        let count = Int(min(Int64(Self.chunkSize), verified - position))
        let chunk = try await NIOThreadPool.singleton.runIfActive { [position] in
            try [UInt8](unsafeUninitializedCapacity: count) { buffer, length in
                length = try file.read(fromAbsoluteOffset: position, into: UnsafeMutableRawBufferPointer(buffer))
            }
        }
        guard !chunk.isEmpty else {
            throw MinionError(.failed, "the file that is downloaded has become shorter while it was read")
        }
        position += Int64(chunk.count)
        return chunk
    }

    private func open(_ path: String) async throws {
        guard file == nil else { return }
        file = try await NIOThreadPool.singleton.runIfActive { [destination] in
            do {
                return try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
            } catch Errno.noSuchFileOrDirectory where !destination.isEmpty {
                // It may have got its final name since the node spoke.
                return try FileDescriptor.open(destination, .readOnly, options: .closeOnExec)
            }
        }
    }

    func end() async {
        await listener.end()
    }
}

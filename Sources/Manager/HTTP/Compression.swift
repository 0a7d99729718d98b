import CZlib
import HTTPTypes
import Hummingbird
import NIOCore
import NIOPosix

/// Compresses answers for clients that take gzip (RFC 9110, section 12.5.3).
enum Compression {
    /// Shorter answers gain nothing.
    private static let minimum = 256
    /// Longer ones are compressed and sent in parts, away from the threads that serve requests.
    private static let part = 256 << 10

    static func response(_ reply: Reply, for request: Request) async -> Response {
        let isWanted = accepts(request.headers[.acceptEncoding] ?? "") && !isAsset(request.uri.path)
        var headers = reply.headers
        if isWanted { headers[.vary] = [headers[.vary], "Accept-Encoding"].compactMap { $0 }.joined(separator: ", ") }
        switch reply.body {
        case .bytes(let bytes) where bytes.count <= part:
            guard isWanted, bytes.count >= minimum, let gzip = Gzip() else {
                return Response(
                    status: reply.status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
            }
            headers[.contentEncoding] = "gzip"
            let compressed = gzip.compress(bytes, isLast: true)
            return Response(
                status: reply.status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: compressed)))
        case .bytes(let bytes):
            let parts = Parts(bytes, size: part)
            return streamed(reply.status, headers, isCompressed: isWanted) { await parts.next() }
        case .parts(let next): return streamed(reply.status, headers, isCompressed: isWanted, next)
        }
    }

    private static func streamed(
        _ status: HTTPResponse.Status, _ headers: HTTPFields, isCompressed: Bool,
        _ next: @escaping @Sendable () async throws -> [UInt8]?
    ) -> Response {
        var headers = headers
        guard isCompressed, let gzip = Gzip() else {
            return Response(
                status: status, headers: headers,
                body: ResponseBody { writer in
                    while let bytes = try await next() { try await write(bytes, to: &writer) }
                    try await writer.finish(nil)
                })
        }
        headers[.contentEncoding] = "gzip"
        return Response(
            status: status, headers: headers,
            body: ResponseBody { writer in
                while let bytes = try await next() {
                    let compressed = try await NIOThreadPool.singleton.runIfActive {
                        gzip.compress(bytes, isLast: false)
                    }
                    try await write(compressed, to: &writer)
                }
                try await write(gzip.compress([], isLast: true), to: &writer)
                try await writer.finish(nil)
            })
    }

    /// In pieces, so that a slow reader can be told from one that reads nothing.
    private static func write(_ bytes: [UInt8], to writer: inout any ResponseBodyWriter) async throws {
        var start = 0
        while start < bytes.count {
            let end = min(start + 64 << 10, bytes.count)
            try await writer.write(ByteBuffer(bytes: bytes[start..<end]))
            start = end
        }
    }

    /// Whether an `Accept-Encoding` takes gzip.
    static func accepts(_ field: String) -> Bool {
        var everything = false
        for element in field.split(separator: ",") {
            let parts = element.split(separator: ";").map { $0.filter { $0 != " " }.lowercased() }
            guard let name = parts.first else { continue }
            let isRefused = parts.dropFirst().contains { $0.hasPrefix("q=") && Double($0.dropFirst(2)) == 0 }
            if name == "gzip" || name == "x-gzip" { return !isRefused }
            if name == "*" { everything = !isRefused }
        }
        return everything
    }

    private static func isAsset(_ path: String) -> Bool { path.hasSuffix(".js") || path.hasSuffix(".css") }
}

/// A long answer in parts.
private actor Parts {
    private let bytes: [UInt8]
    private let size: Int
    private var start = 0

    init(_ bytes: [UInt8], size: Int) {
        self.bytes = bytes
        self.size = size
    }

    func next() -> [UInt8]? {
        guard start < bytes.count else { return nil }
        defer { start += size }
        return Array(bytes[start..<min(start + size, bytes.count)])
    }
}

/// A stream of gzip (RFC 1952).
// One part after the other is compressed, never two at a time: those who use it wait for each.
private final class Gzip: @unchecked Sendable {
    private static let level: Int32 = 6

    private let stream: UnsafeMutablePointer<z_stream>

    /// Nil if there is no memory.
    init?() {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        guard czlib_deflate_init_gzip(stream, Self.level) == Z_OK else {
            stream.deallocate()
            return nil
        }
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    func compress(_ bytes: [UInt8], isLast: Bool) -> [UInt8] {
        var input = bytes
        let room = Int(deflateBound(stream, UInt(input.count))) + 64
        return input.withUnsafeMutableBufferPointer { input in
            stream.pointee.next_in = input.baseAddress
            stream.pointee.avail_in = UInt32(input.count)
            return [UInt8](unsafeUninitializedCapacity: room) { output, count in
                stream.pointee.next_out = output.baseAddress
                stream.pointee.avail_out = UInt32(output.count)
                // There is room for all of it, so that one call does it.
                _ = deflate(stream, isLast ? Z_FINISH : Z_SYNC_FLUSH)
                count = output.count - Int(stream.pointee.avail_out)
            }
        }
    }
}

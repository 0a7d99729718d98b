import Glibc
import MinionCore
import NIOCore

/// One connection with one request at a time. It knows just so much of HTTP as this server sends: the length of a body
/// is told, and nothing is cut into chunks.
///
/// Only its event loop touches it, which is that of the run.
final class LoadConnection: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Kind { case introduction, report, patient, leave }

    struct Exchange {
        var kind: Kind
        var peer: Int
        var request: ByteBuffer
        var sent: Instant
    }

    let isPatient: Bool
    private let run: LoadRun
    private let peers: [Int]
    private var cursor = 0
    /// How many of its peers have been asked to found and to join.
    var founded = 0
    var joined = 0
    private var context: ChannelHandlerContext?
    private var exchange: Exchange?
    private var received = ByteBuffer()

    init(run: LoadRun, peers: [Int], isPatient: Bool) {
        self.run = run
        self.peers = peers
        self.isPatient = isPatient
    }

    func nextPeer(from counter: ReferenceWritableKeyPath<LoadConnection, Int>) -> Int? {
        guard self[keyPath: counter] < peers.count else { return nil }
        self[keyPath: counter] += 1
        return peers[self[keyPath: counter] - 1]
    }

    /// One after the other, so that none is forgotten.
    func peerInTurn() -> Int {
        cursor = cursor + 1 < peers.count ? cursor + 1 : 0
        return peers[cursor]
    }

    func begin() { send(run.next(of: self)) }

    func close() { context?.close(promise: nil) }

    private func send(_ next: Exchange?) {
        guard let next, let context else { return run.rests() }
        exchange = next
        context.writeAndFlush(wrapOutboundOut(next.request), promise: nil)
    }

    // MARK: ChannelInboundHandler

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        run.lost(self)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var part = unwrapInboundIn(data)
        if received.readableBytes == 0 { received = part } else { received.writeBuffer(&part) }
        guard let done = exchange, let answer = received.withUnsafeReadableBytes({ Self.whole($0) }) else { return }
        exchange = nil
        let following = received.withUnsafeReadableBytes { bytes in
            run.received(answer.status, UnsafeRawBufferPointer(rebasing: bytes[answer.body]), to: done)
        }
        received.clear()
        send(following ?? run.next(of: self))
    }

    /// The status and the place of the body, once all of it is there.
    private static func whole(_ bytes: UnsafeRawBufferPointer) -> (status: Int, body: Range<Int>)? {
        guard let end = Bytes.find("\r\n\r\n", in: bytes), bytes.count > 12 else { return nil }
        let status = bytes[9..<12].reduce(0) { $0 * 10 + Int($1) - 48 }
        let head = UnsafeRawBufferPointer(rebasing: bytes[..<end])
        var length = 0
        if let field = Bytes.findLength(in: head) {
            for byte in head[field...] {
                guard (48...57).contains(byte) else { break }
                length = length * 10 + Int(byte) - 48
            }
        }
        let body = end + 4..<end + 4 + length
        return body.upperBound <= bytes.count ? (status, body) : nil
    }
}

/// Searches in bytes; fast where the first byte of what is searched is rare.
enum Bytes {
    static func find(_ text: StaticString, in bytes: UnsafeRawBufferPointer) -> Int? {
        guard let start = bytes.baseAddress else { return nil }
        let length = text.utf8CodeUnitCount
        var place = 0
        while bytes.count - place >= length,
            let first = memchr(start + place, Int32(text.utf8Start[0]), bytes.count - place - length + 1)
        {
            if memcmp(first, text.utf8Start, length) == 0 { return UnsafeRawPointer(first) - start }
            place = UnsafeRawPointer(first) - start + 1
        }
        return nil
    }

    static func contains(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        find(text, in: bytes) != nil
    }

    /// Where the digits of the field `Content-Length` begin, however it is capitalised.
    static func findLength(in head: UnsafeRawBufferPointer) -> Int? {
        for name: StaticString in ["Content-Length: ", "content-length: "] {
            if let found = find(name, in: head) { return found + name.utf8CodeUnitCount }
        }
        return nil
    }
}

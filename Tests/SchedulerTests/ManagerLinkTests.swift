import Fleet
import NIOCore
import NIOPosix
import Scheduler
import Synchronization
import Testing
import Wire

/// Answers every request with one status and one body, and keeps what it is sent.
private final class OneAnswer: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let answer: String
    private let received: RequestTexts

    init(_ answer: String, _ received: RequestTexts) {
        self.answer = answer
        self.received = received
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard received.append(String(buffer: unwrapInboundIn(data))) else { return }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
    }
}

private final class RequestTexts: Sendable {
    private let texts = Mutex<[String]>([""])

    /// True when the request is whole: its body is an object.
    func append(_ part: String) -> Bool {
        texts.withLock { texts in
            texts[texts.count - 1] += part
            guard texts[texts.count - 1].contains("\r\n\r\n{"), part.hasSuffix("}") else { return false }
            texts.append("")
            return true
        }
    }

    var all: [String] { texts.withLock { $0.dropLast() } }
}

@Suite(.timeLimit(.minutes(1)))
struct ManagerLinkTests {
    private let report = SchedulerReport(
        facts: SchedulerFacts(hostName: "s", address: "10.0.0.1", port: 8080, version: "1", incarnation: "i"))

    /// Runs a manager that knows one answer.
    private func withManager(
        _ status: String, _ body: [UInt8], use: (String, RequestTexts) async throws -> Void
    ) async throws {
        let texts = RequestTexts()
        let answer =
            "HTTP/1.1 \(status)\r\nContent-Length: \(body.count)\r\n\r\n" + String(decoding: body, as: UTF8.self)
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { $0.pipeline.addHandler(OneAnswer(answer, texts)) }
            .bind(host: "127.0.0.1", port: 0).get()
        try await use("http://127.0.0.1:\(server.localAddress?.port ?? 0)", texts)
        try await server.close()
    }

    private var good: [UInt8] {
        var reply = SchedulerReply()
        reply.id = 42
        return WireJSON.encodeMessage(reply)
    }

    @Test func theFirstManagerThatAnswersIsAskedFromThenOn() async throws {
        try await withManager("503 Busy", Array(#"{"message":"later"}"#.utf8)) { busy, asked in
            try await withManager("200 OK", good) { manager, texts in
                let link = HTTPManagerLink(managers: [busy, manager + "/"], token: "mnj_x")
                #expect(try await link.send(report).id == 42)
                #expect(try await link.send(report).id == 42)
                #expect(asked.all.count == 1)
                #expect(texts.all.count == 2)
                let request = try #require(texts.all.first)
                #expect(request.hasPrefix("POST /internal/v1/schedulers HTTP/1.1\r\n"))
                #expect(request.lowercased().contains("authorization: bearer mnj_x\r\n"))
                await link.close()
            }
        }
    }

    @Test func aManagerThatTakesTooLongIsPassedOver() async throws {
        let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        try await withManager("200 OK", good) { manager, _ in
            let link = HTTPManagerLink(
                managers: ["http://127.0.0.1:\(silent.localAddress?.port ?? 0)", manager], token: "t",
                timeout: .milliseconds(200))
            let time = try await ContinuousClock().measure { _ = try await link.send(report) }
            #expect(time < .seconds(5))
            await link.close()
        }
        try await silent.close()
    }

    @Test(arguments: [("401 No", "revoked", true), ("500 Oops", "database is away", false), ("200 OK", "x", false)])
    func aRefusalIsToldInWords(status: String, words: String, isRefusal: Bool) async throws {
        try await withManager(status, Array(#"{"message":"\#(words)"}"#.utf8)) { manager, _ in
            let link = HTTPManagerLink(managers: [manager], token: "secret-token")
            let error = await #expect(throws: ManagerLinkError.self) { try await link.send(report) }
            #expect(error?.isRefusal == isRefusal)
            #expect(error?.message.contains(manager) == true)
            if !status.hasPrefix("200") { #expect(error?.message.contains(words) == true) }
            #expect(error?.message.contains("secret-token") == false)
            await link.close()
        }
    }
}

import AsyncHTTPClient
import MinionCore
import NIOCore
import NIOHTTP1
import NIOPosix
import Swarm

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Sends single requests to sources and follows redirects. It knows nothing of tasks and versions.
struct SourceExchange: Sendable {
    /// An answer that is no redirect, and where it came from.
    struct Answer: Sendable {
        let url: SourceURL
        let response: HTTPClientResponse

        var head: SourceHead {
            SourceHead(
                server: url.server, status: response.status, headers: response.headers,
                wallClock: Int64(Date().timeIntervalSince1970))
        }
    }

    static let maximumRedirects = 10

    private let direct: HTTPClient
    private let proxied: [HTTPClient.Configuration.Proxy: HTTPClient]
    private let options: SourceOptions
    private let guardian: SourceGuard

    init(group: any EventLoopGroup, options: SourceOptions) {
        self.options = options
        direct = Self.makeClient(group, options, proxy: nil)
        guardian = SourceGuard(options.rules) { Self.makeClient(group, options, proxy: nil, host: $0, at: $1) }
        proxied = Dictionary(
            uniqueKeysWithValues: options.proxies.all.map { ($0, Self.makeClient(group, options, proxy: $0)) })
    }

    func shutdown() async {
        // A second shutdown is the only thing that fails, and harmless.
        for client in [direct] + proxied.values { try? await client.shutdown() }
        await guardian.shutdown()
    }

    private static func makeClient(
        _ group: any EventLoopGroup, _ options: SourceOptions, proxy: HTTPClient.Configuration.Proxy?,
        host: String? = nil, at address: IPAddress? = nil
    ) -> HTTPClient {
        var configuration = HTTPClient.Configuration(
            connectTimeout: options.connectTimeout, certificateFile: options.certificateFile)
        // Over HTTP/2 all reads of a source would share one connection, and a gigabyte costs about three times as much
        // here (0.55 instead of 1.6 GB/s over TLS on loopback). Ranges need nothing that HTTP/1.1 lacks.
        configuration.httpVersion = .http1Only
        // The usual reads of 64 KiB cost a change of threads each: 1.4 GB/s on loopback, against 1.9 with these.
        configuration.http1_1ConnectionDebugInitializer = { channel in
            channel.setOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 1 << 10, initial: 64 << 10, maximum: 256 << 10))
        }
        configuration.proxy = proxy
        // The name stays in the request and in the certificate; only the look-up is left out.
        if let host, let address, IPAddress(host) == nil { configuration.dnsOverride = [host: address.description] }
        return HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
    }

    /// Throws the `SourceFailure` of a host that may not be read from for others.
    func check(_ url: SourceURL) async throws { _ = try await guardian.addresses(of: url) }

    /// GETs `url`, going where redirects lead. If it `isGuarded`, only to addresses that the rules allow. Throws
    /// `SourceFailure` and `CancellationError`.
    func get(_ url: SourceURL, _ headers: HTTPHeaders, isGuarded: Bool = false) async throws -> Answer {
        var url = url
        var headers = headers
        for _ in 0...Self.maximumRedirects {
            let response = try await (isGuarded ? sendGuarded(url, headers) : send(url, headers))
            guard [301, 302, 303, 307, 308].contains(response.status.code) else {
                return Answer(url: url, response: response)
            }
            guard let location = response.headers.first(name: "Location") else {
                throw SourceFailure(
                    .malformed, "\(url.server) answered \(SourceHead.text(response.status)) without saying where to")
            }
            let target = try url.redirected(to: location)
            headers = Self.redirected(headers, from: url, to: target)
            await Self.drain(response.body)
            url = target
        }
        throw SourceFailure(
            .malformed, "\(url.server) redirects without end (more than \(Self.maximumRedirects) times)")
    }

    /// The fields that go along when `url` redirects to `target`: to another server, none that are a secret of the
    /// first.
    static func redirected(_ headers: HTTPHeaders, from url: SourceURL, to target: SourceURL) -> HTTPHeaders {
        guard !url.isSameServer(as: target) else { return headers }
        var headers = headers
        for name in TaskIdentity.credentialHeaders { headers.remove(name: name) }
        headers.remove(name: "Host")
        return headers
    }

    private func sendGuarded(_ url: SourceURL, _ headers: HTTPHeaders) async throws -> HTTPClientResponse {
        var failure = SourceFailure(.nameResolution, "the name \(url.host) does not resolve")
        for address in try await guardian.addresses(of: url).prefix(SourceGuard.triedAddresses) {
            do {
                return try await send(url, headers, by: try guardian.client(for: url.host, at: address))
            } catch let error as SourceFailure where error.kind == .connection {
                failure = error
            }
        }
        throw failure
    }

    private func send(_ url: SourceURL, _ headers: HTTPHeaders) async throws -> HTTPClientResponse {
        try await send(url, headers, by: options.proxies.proxy(for: url).flatMap { proxied[$0] } ?? direct)
    }

    private func send(
        _ url: SourceURL, _ headers: HTTPHeaders, by client: HTTPClient
    ) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: url.text)
        request.headers = headers
        if let user = url.user, !headers.contains(name: "Authorization") {
            request.setBasicAuth(username: user, password: url.password ?? "")
        }
        let limit = TimeAmount.nanoseconds((options.connectTimeout + options.idleTimeout).nanoseconds)
        var isSecondTry = false
        while true {
            do {
                return try await client.execute(request, timeout: limit)
            } catch {
                if Task.isCancelled { throw CancellationError() }
                // The source may close a kept-alive connection just as we send on it. That says nothing about the
                // source.
                guard !isSecondTry, Self.isClosedConnection(error) else {
                    throw SourceFailure(transport: error, server: url.server)
                }
                isSecondTry = true
            }
        }
    }

    /// Whether the other end closed the connection before it answered.
    static func isClosedConnection(_ error: any Error) -> Bool {
        switch error {
        case let error as HTTPClientError: error == .remoteConnectionClosed
        case ChannelError.ioOnClosedChannel: true
        case let error as IOError: error.errnoCode == ECONNRESET || error.errnoCode == EPIPE
        default: false
        }
    }

    /// Reads the rest of an answer that nobody wants, so that its connection can be used again; if that is long or
    /// slow, the connection is closed instead.
    static func drain(_ body: HTTPClientResponse.Body) async {
        _ = try? await withDeadline(.milliseconds(250)) {
            var count = 0
            for try await chunk in body {
                count += chunk.readableBytes
                if count > 64 << 10 { return }
            }
        }
    }
}

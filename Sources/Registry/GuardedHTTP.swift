import AsyncHTTPClient
package import Logging
package import MinionCore
package import NIOCore
package import NIOHTTP1
import NIOSSL

/// Fetches what others name, without being made to connect where they may not.
///
/// Names are resolved here, every address is held against the rules, and the connection goes to an address that was: a name
/// that resolves to something else a moment later changes nothing. The same is done for each redirect. Proxies are not used,
/// since they would resolve names again; certificates are checked, against the name.
package struct GuardedHTTP: Sendable {
    /// An answer that is no redirect.
    package struct Answer: Sendable {
        /// Where it came from.
        package var url: WebURL
        /// 200…299 or 400 and above, and those of 300…399 that lead nowhere.
        package var status: Int
        package var headers: HTTPHeaders
        /// Of answers that are errors, empty if it is longer than 64 KiB.
        package var body: [UInt8]
    }

    /// Why there is no answer. One line, which names the server; neither path nor query, which may hold secrets.
    package struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
        package var description: String

        init(_ description: String) { self.description = description }
    }

    /// Addresses of one name that are tried, at most; all are checked.
    private static let triedAddresses = 4
    private static let errorSize = 64 << 10

    private let rules: AddressRules
    private let resolver: HostResolver
    private let group: any EventLoopGroup
    private let connectTimeout: Duration
    private let redirects: Int
    private let certificateFile: String?
    private let logger: Logger

    /// `certificateFile` names certificates (PEM) that are trusted instead of the system's. There is no time limit but that
    /// for connections: whoever asks cancels their task.
    package init(
        rules: AddressRules, resolver: HostResolver = .system, group: any EventLoopGroup, logger: Logger,
        connectTimeout: Duration = .seconds(10), redirects: Int = 5, certificateFile: String? = nil
    ) {
        self.rules = rules
        self.resolver = resolver
        self.group = group
        self.logger = logger
        self.connectTimeout = connectTimeout
        self.redirects = redirects
        self.certificateFile = certificateFile
    }

    /// GETs `url`, going where redirects lead, but never from https to http. `own` is sent to the server of `url` only, not to
    /// another that it redirects to; `headers` to all. Bodies over `limit` bytes are failures.
    package func get(
        _ url: WebURL, headers: HTTPHeaders = [:], own: HTTPHeaders = [:], limit: Int
    ) async throws(Failure) -> Answer {
        var url = url
        var own = own
        for _ in 0...redirects {
            var all = headers
            all.add(contentsOf: own)
            let answer = try await exchange(url, all, limit)
            guard [301, 302, 303, 307, 308].contains(answer.status) else { return answer }
            let target = try redirect(answer)
            logger.debug("redirected", metadata: ["from": "\(url.server)", "to": "\(target.server)"])
            if !url.isSameServer(as: target) { own = [:] }
            url = target
        }
        throw Failure("\(url.server) redirects without end (more than \(redirects) times)")
    }

    private func redirect(_ answer: Answer) throws(Failure) -> WebURL {
        let server = answer.url.server
        guard let location = answer.headers.first(name: "Location") else {
            throw Failure("\(server) answered \(answer.status) without saying where to")
        }
        guard let target = answer.url.redirected(to: location) else {
            if let colon = location.firstRange(of: "://"),
                let refusal = AddressRules.refusal(ofURLScheme: String(location[..<colon.lowerBound]))
            {
                throw Failure("\(server) redirects to elsewhere: \(refusal)")
            }
            throw Failure("\(server) redirects to what is no http or https URL")
        }
        guard target.isSecure || !answer.url.isSecure else {
            throw Failure("\(server) redirects from https to http (\(target.server)), which is not followed")
        }
        return target
    }

    // MARK: One request

    private func exchange(_ url: WebURL, _ headers: HTTPHeaders, _ limit: Int) async throws(Failure) -> Answer {
        let addresses = try await checkedAddresses(of: url)
        var failure = Failure("the name \(url.host) does not resolve")
        for address in addresses.prefix(Self.triedAddresses) {
            switch await send(url, headers, to: address, limit) {
            case .answered(let answer): return answer
            case .failed(let reason): throw reason
            case .unreached(let reason): failure = reason
            }
            guard !Task.isCancelled else { break }
        }
        throw failure
    }

    /// All addresses of the URL's host, none of which is refused. One that is refuses them all: who owns the name would
    /// otherwise only have to try often enough.
    private func checkedAddresses(of url: WebURL) async throws(Failure) -> [IPAddress] {
        let addresses: [IPAddress]
        do {
            addresses = try await resolver.addresses(of: url.host)
        } catch {
            throw Failure(
                Task.isCancelled ? "the request was cancelled" : "the name \(url.host) does not resolve")
        }
        for address in addresses {
            guard let refusal = rules.refusal(of: address, host: url.host) else { continue }
            logger.notice("refused to connect", metadata: ["host": "\(url.host)", "address": "\(address)"])
            throw Failure(refusal)
        }
        return addresses
    }

    private enum Outcome {
        case answered(Answer)
        case failed(Failure)
        /// Another address may do better.
        case unreached(Failure)
    }

    /// One client for each request: its addresses are part of its configuration.
    private func send(_ url: WebURL, _ headers: HTTPHeaders, to address: IPAddress, _ limit: Int) async -> Outcome {
        let client = HTTPClient(
            eventLoopGroupProvider: .shared(group), configuration: configuration(host: url.host, address))
        let outcome = await send(url, headers, client, limit)
        // Closes the connection, whatever is still to come over it. Only a second shutdown fails.
        try? await client.shutdown()
        return outcome
    }

    private func send(_ url: WebURL, _ headers: HTTPHeaders, _ client: HTTPClient, _ limit: Int) async -> Outcome {
        var request = HTTPClientRequest(url: url.description)
        request.headers = headers
        let response: HTTPClientResponse
        do {
            // Whoever asks has a deadline; this one is only for what never ends.
            response = try await client.execute(request, timeout: .hours(1))
        } catch {
            return .unreached(Failure(transport: error, server: url.server))
        }
        let status = Int(response.status.code)
        var answer = Answer(url: url, status: status, headers: response.headers, body: [])
        if (300..<400).contains(status) { return .answered(answer) }
        do {
            let body = try await response.body.collect(upTo: status < 300 ? limit : min(limit, Self.errorSize))
            try Task.checkCancellation()
            answer.body = Array(body.readableBytesView)
        } catch is NIOTooManyBytesError {
            if status < 300 { return .failed(Failure("\(url.server) sent more than \(ByteSize(Int64(limit)))")) }
        } catch {
            return .failed(Failure(transport: error, server: url.server))
        }
        return .answered(answer)
    }

    private func configuration(host: String, _ address: IPAddress) -> HTTPClient.Configuration {
        // Another coding would have another digest.
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow, decompression: .disabled)
        // The name stays in the request and in the certificate; only the look-up is left out.
        if IPAddress(host) == nil { configuration.dnsOverride = [host: address.description] }
        configuration.httpVersion = .http1Only
        configuration.timeout = .init(connect: .nanoseconds(connectTimeout.nanoseconds))
        configuration.connectionPool.retryConnectionEstablishment = false
        if let certificateFile {
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.trustRoots = .file(certificateFile)
            configuration.tlsConfiguration = tls
        }
        return configuration
    }
}

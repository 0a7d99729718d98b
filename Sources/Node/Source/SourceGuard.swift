import AsyncHTTPClient
import MinionCore
import NIOCore
import Registry
import Swarm
import Synchronization

/// Watches over reads of sources that somebody else than this host's users has ordered: they go only to addresses that the
/// rules allow.
///
/// Names are resolved here, every address of a name is held against the rules, and the connection goes to one that was,
/// whatever the name resolves to a moment later. The same is done for each redirect. Proxies are not used, since they would
/// resolve names again.
final class SourceGuard: Sendable {
    private struct Known {
        let addresses: [IPAddress]
        let until: Instant
    }

    private struct Place: Hashable {
        let host: String
        let address: IPAddress
    }

    private struct State {
        var known: [String: Known] = [:]
        var clients: [Place: HTTPClient] = [:]
        /// In the order in which they were made.
        var places: [Place] = []
        var isClosed = false
    }

    /// How long a look-up holds: the reads of one content are many.
    private static let lifetime = Duration.seconds(30)
    private static let mostNames = 1024
    /// More than a host reads from at a time; the oldest make room.
    private static let mostClients = 128
    /// Addresses of one name that are tried, at most; all are checked.
    static let triedAddresses = 4

    private let rules: AddressRules
    private let resolver: HostResolver
    private let makeClient: @Sendable (_ host: String, IPAddress) -> HTTPClient
    private let state = Mutex(State())

    /// `makeClient` makes the client for a host that connects to nothing but this address.
    init(
        _ rules: AddressRules, resolver: HostResolver = .system,
        makeClient: @escaping @Sendable (_ host: String, IPAddress) -> HTTPClient
    ) {
        self.rules = rules
        self.resolver = resolver
        self.makeClient = makeClient
    }

    /// The addresses of the URL's host, best first, none of which is refused. One that is refuses them all: who owns the
    /// name would otherwise only have to try often enough. Throws `SourceFailure`.
    func addresses(of url: SourceURL) async throws -> [IPAddress] {
        let now = SteadyClock.now
        if let known = state.withLock({ $0.known[url.host] }), known.until > now { return known.addresses }
        let addresses: [IPAddress]
        do {
            addresses = try await resolver.addresses(of: url.host)
        } catch {
            if Task.isCancelled { throw CancellationError() }
            throw SourceFailure(.nameResolution, "the name \(url.host) does not resolve")
        }
        guard !addresses.isEmpty else {
            throw SourceFailure(.nameResolution, "the name \(url.host) does not resolve")
        }
        for address in addresses {
            if let refusal = rules.refusal(of: address, host: url.host) { throw SourceFailure(.refused, refusal) }
        }
        state.withLock { state in
            if state.known.count >= Self.mostNames { state.known = [:] }
            state.known[url.host] = Known(addresses: addresses, until: now + Self.lifetime)
        }
        return addresses
    }

    /// The client for a host at one of its addresses.
    func client(for host: String, at address: IPAddress) throws -> HTTPClient {
        let place = Place(host: host, address: address)
        let (client, old) = try state.withLock { state -> (HTTPClient, HTTPClient?) in
            guard !state.isClosed else { throw CancellationError() }
            if let client = state.clients[place] { return (client, nil) }
            var old: HTTPClient?
            if state.places.count >= Self.mostClients {
                old = state.clients.removeValue(forKey: state.places.removeFirst())
            }
            let client = makeClient(host, address)
            state.clients[place] = client
            state.places.append(place)
            return (client, old)
        }
        // What is being read there breaks off, and is read again.
        if let old { Task { try? await old.shutdown() } }
        return client
    }

    func shutdown() async {
        let clients = state.withLock { state in
            state.isClosed = true
            defer { state.clients = [:] }
            return Array(state.clients.values)
        }
        for client in clients { try? await client.shutdown() }
    }
}

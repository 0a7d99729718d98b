import HTTPFront
import HTTPTypes
import Hummingbird
import MinionCore
import Swarm
import Synchronization
import Wire

/// Answers the tracker calls of the first Minion: `/peer/` and `/res/`.
final class MinionResponder: Sendable {
    /// The number of peers that an answer names unless another is asked for.
    private static let defaultPeers = 40
    /// An answer that lists resources does not get longer, in bytes.
    private static let resourceListBytes = 4 << 20

    private let driver: TrackerDriver
    private let bodies: BodyReader
    private let largestAnswer: Int
    private let registry: Mutex<MinionRegistry>

    init(driver: TrackerDriver, bodies: BodyReader, limits: MinionRegistry.Limits, seed: UInt64) {
        self.driver = driver
        self.bodies = bodies
        largestAnswer = limits.peersPerResource
        registry = Mutex(MinionRegistry(limits: limits, seed: seed))
    }

    func peer(_ request: Request, _ context: FrontContext) async throws -> Response {
        switch request.method {
        case .get: return try await list(request)
        case .post: return try await announce(request, context)
        case .delete: return try withdraw(request, context)
        default: throw Refusal.methodNotAllowed("GET, POST, DELETE")
        }
    }

    func resources(_ request: Request) throws -> Response {
        guard request.method == .get else { throw Refusal.methodNotAllowed("GET") }
        let announced = registry.withLock { $0.resources(at: driver.now) }
        var room = Self.resourceListBytes
        let all = driver.resources.union(announced).filter { !$0.isEmpty }.sorted().prefix { resource in
            room -= resource.utf8.count
            return room >= 0
        }
        return .json(MinionCompat.resources(Array(all)))
    }

    private func list(_ request: Request) async throws -> Response {
        let parameters = try parameters(of: request)
        let resource = try resource(in: parameters)
        var limit = Self.defaultPeers
        if let num = parameters["num"] {
            guard !num.isEmpty, num.utf8.allSatisfy({ (48...57).contains($0) }) else {
                throw Refusal(.badRequest, "num is not a number of peers")
            }
            limit = min(Int(num) ?? .max, largestAnswer)
        }
        var site: String?
        if parameters["strict"] == "site" {
            site = parameters["site"]
            if site == nil {
                site = try await bodies.read(request, upTo: MinionCompat.bodyBytes) {
                    try MinionCompat.site(fromBody: $0)
                }
            }
            guard let site, !site.isEmpty else {
                throw Refusal(.badRequest, "strict=site needs the caller's site, as site=…")
            }
        }
        let nodes = peers(ofNewProtocolFor: resource)
        let found = registry.withLock { [site] registry in
            registry.peers(of: resource, limit: limit, site: site, others: nodes, at: driver.now)
        }
        let isVerbose = parameters["verbose"].map { !$0.isEmpty } ?? false
        return .json(MinionCompat.peers(of: resource, found, verbose: isVerbose))
    }

    /// Nodes that an old client can use: it knows no IPv6.
    private func peers(ofNewProtocolFor resource: String) -> [MinionCompat.Peer] {
        driver.introductions(ofResource: resource).compactMap { introduction in
            IPv4Address(introduction.endpoint.host).map {
                MinionCompat.Peer(address: $0, port: introduction.endpoint.port, site: introduction.site)
            }
        }
    }

    private func announce(_ request: Request, _ context: FrontContext) async throws -> Response {
        let announcement = try await bodies.read(request, upTo: MinionCompat.bodyBytes) {
            try MinionCompat.announcement(from: $0)
        }
        let refusal = registry.withLock { registry in
            Result { () throws(MinionRegistry.Refusal) in
                try registry.announce(announcement, from: context.remoteHost ?? "", at: driver.now)
            }
        }
        do {
            try refusal.get()
        } catch {
            switch error {
            case .tooManyResources: throw Refusal(.tooManyRequests, "the tracker has too many resources")
            case .tooManyPeers: throw Refusal(.tooManyRequests, "the tracker has too many peers")
            }
        }
        return .json(MinionCompat.success)
    }

    private func withdraw(_ request: Request, _ context: FrontContext) throws -> Response {
        let parameters = try parameters(of: request)
        let resource = try resource(in: parameters)
        let peer: MinionCompat.Peer
        do {
            peer = MinionCompat.Peer(
                address: try MinionCompat.address(parameters["ip"] ?? ""),
                port: try MinionCompat.port(parameters["port"] ?? ""))
        } catch {
            throw Refusal(.badRequest, error.message)
        }
        // Whether there was anything to remove makes no difference to the answer, as it never did.
        _ = registry.withLock { registry in
            registry.withdraw(peer, resource: resource, from: context.remoteHost ?? "", at: driver.now)
        }
        return .json(MinionCompat.success)
    }

    private func parameters(of request: Request) throws -> [String: String] {
        do {
            return try MinionCompat.parameters(of: request.uri.query ?? "")
        } catch {
            throw Refusal(.badRequest, error.message)
        }
    }

    private func resource(in parameters: [String: String]) throws -> String {
        guard let resource = parameters["res"] else { throw Refusal(.badRequest, "res is missing") }
        do {
            try MinionCompat.check(resource: resource)
        } catch {
            throw Refusal(.badRequest, error.message)
        }
        return resource
    }
}

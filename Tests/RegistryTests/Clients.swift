import Logging
import MinionCore
import NIOPosix
import Registry
import Testing

/// Rules under which the servers of the tests can be reached, and nothing else on a machine's own networks.
func testRules(_ more: String = "") throws -> AddressRules {
    AddressRules(allowed: try AddressRules.allowances("127.0.0.0/8," + more))
}

let quietLogger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// A client of the test's servers. Names resolve to what `names` says.
func testClient(
    rules: AddressRules? = nil, limits: RegistryLimits = RegistryLimits(), names: [String: [String]] = [:],
    certificateFile: String? = nil
) throws -> RegistryClient {
    RegistryClient(
        rules: try rules ?? testRules(), group: MultiThreadedEventLoopGroup.singleton, logger: quietLogger,
        limits: limits, resolver: HostResolver { name in (names[name] ?? []).compactMap { IPAddress($0) } },
        certificateFile: certificateFile)
}

extension FakeServer {
    /// The image `some/app` of this server.
    func image(_ reference: String = "latest", scheme: String = "http", host: String = "127.0.0.1") throws
        -> ImageReference
    {
        try ImageReference("\(scheme)://\(host):\(port)/v2/some/app/manifests/\(reference)")
    }
}

/// The error of a resolution that fails.
func failure(_ body: () async throws -> ResolvedImage) async throws -> RegistryError {
    do {
        let image = try await body()
        Issue.record("resolved to \(image)")
        return .manifest("")
    } catch let error as RegistryError {
        return error
    }
}

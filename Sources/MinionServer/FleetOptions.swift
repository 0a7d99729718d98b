import Fleet
import Scheduler

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// How a server's scheduler belongs to a cluster.
package struct FleetOptions: Hashable, Sendable {
    /// Base URLs of the managers, any of which will do; none in a server that is one itself.
    package var managers: [String] = []
    /// What lets the scheduler in there.
    package var joinToken = ""
    /// Where hosts reach the scheduler; nil: as it listens.
    package var advertisedHost: String?
    package var advertisedPort: Int?
    /// Nil: the machine's.
    package var hostName: String?
    package var site = ""
    package var location = ""

    package init() {}

    /// The scheduler's part in a cluster whose manager is reached by `link`.
    func configuration(link: any ManagerLink) -> FleetConfiguration {
        var configuration = FleetConfiguration(
            link: link, hostName: hostName ?? Self.machineName, ownAddress: OwnAddresses.outward ?? "127.0.0.1")
        configuration.advertisedHost = advertisedHost
        configuration.advertisedPort = advertisedPort
        configuration.site = site
        configuration.location = location
        return configuration
    }

    private static var machineName: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0, name[0] != 0 else { return "localhost" }
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// The way to the manager that runs in the same process.
struct OwnManagerLink: ManagerLink {
    let receive: @Sendable (SchedulerReport) async throws -> SchedulerReply

    func send(_ report: SchedulerReport) async throws -> SchedulerReply {
        do {
            return try await receive(report)
        } catch {
            throw ManagerLinkError("the manager of this server answers: \(error)")
        }
    }
}

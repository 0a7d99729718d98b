package import Fleet

/// The way to a scheduler's manager, wherever that runs.
package protocol ManagerLink: Sendable {
    /// Hands over a report and returns the answer. Throws `ManagerLinkError` if there is none; the same report, or a newer
    /// one, is handed over again then.
    func send(_ report: SchedulerReport) async throws -> SchedulerReply

    /// Ends what the link started.
    func close() async
}

extension ManagerLink {
    package func close() async {}
}

/// Why a manager has not answered, or not let the scheduler in.
package struct ManagerLinkError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One line: whom it concerns, what happened, and what to do.
    package var message: String
    /// Whether it has answered that this scheduler may not come in.
    package var isRefusal: Bool

    package init(_ message: String, isRefusal: Bool = false) {
        self.message = message
        self.isRefusal = isRefusal
    }

    package var description: String { message }
}

/// How a scheduler belongs to a cluster.
package struct FleetConfiguration: Sendable {
    package var link: any ManagerLink
    package var hostName: String
    /// Where hosts reach the scheduler; nil: where it listens, or `ownAddress` if that is anywhere.
    package var advertisedHost: String?
    package var advertisedPort: Int?
    /// This machine's address as others see it.
    package var ownAddress: String
    package var site = ""
    package var location = ""
    /// How often the manager is told that the scheduler is alive.
    package var keepAlive = Duration.seconds(1)
    /// Parts of jobs that it does at a time, at most.
    package var jobs = 8
    package var hosts = HostTable.Limits()
    package var run = JobRun.Limits()
    /// For how long after its start a scheduler waits for hosts to find it before it chooses among all of them for a job.
    package var settling = Duration.seconds(5)

    package init(link: any ManagerLink, hostName: String, ownAddress: String) {
        self.link = link
        self.hostName = hostName
        self.ownAddress = ownAddress
    }
}

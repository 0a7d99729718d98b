/// How a node becomes part of a fleet.
package struct FleetSettings: Sendable {
    /// Base URLs of the managers that are asked for the node's cluster, in order of preference. With none, the node's
    /// trackers are asked whether they are schedulers of one.
    package var managers: [String] = []
    /// What the node shows to managers and schedulers; without it, it is no part of a fleet.
    package var joinToken = ""
    /// What the host is called.
    package var hostName = ""
    package var timing = FleetTiming()

    package init() {}
}

/// How long a node waits for what in its fleet.
package struct FleetTiming: Sendable {
    /// Between two questions to a manager as long as all is well; drawn a fifth longer or shorter each time.
    package var routeInterval = Duration.seconds(60)
    /// After a question without a useful answer; doubled each time.
    package var firstPause = Duration.seconds(1)
    package var longestPause = Duration.seconds(30)
    /// For one manager's answer.
    package var managerAnswer = Duration.seconds(3)
    /// What an answer of a scheduler may take beyond the time that it may hold it back.
    package var schedulerAnswer = Duration.seconds(5)
    /// Until the schedulers of a cluster that is tried count as silent.
    package var patience = Duration.seconds(3)
    /// Until a cluster none of whose schedulers answers any more is given up for the next one.
    package var lostAfter = Duration.seconds(3)
    /// Before a host that was turned away, or that asks where no fleet is, asks again.
    package var refusedPause = Duration.seconds(60)
    /// How long a download that begins just after the node does waits for the first answer.
    package var firstAnswer = Duration.seconds(2)
    /// How often an answer of a scheduler is asked for while orders are carried out.
    package var orderProgress = Duration.seconds(1)
    /// How long orders stay that no scheduler repeats, since all that gave them are gone.
    package var orphanAge = Duration.seconds(60)

    package init() {}
}

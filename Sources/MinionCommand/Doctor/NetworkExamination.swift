import Fleet
import FoundationEssentials
import MinionCore
import NIOPosix
package import Node

/// Looks at the servers that a node depends on.
package struct NetworkExamination {
    let settings: PeerSettings
    let certificateFile: String?

    func findings() async -> [DoctorFinding] {
        var findings: [DoctorFinding] = []
        if settings.managers.isEmpty, settings.trackers.isEmpty {
            findings.append(
                DoctorFinding(
                    "tracker", .warn, "neither a manager nor a tracker is set: every file comes from its source",
                    fix: "give --manager URL or --tracker HOST:PORT"))
        }
        let inquiry = ManagerInquiry(group: MultiThreadedEventLoopGroup.singleton, certificateFile: certificateFile)
        if !settings.managers.isEmpty { findings += await managerFindings(inquiry) }
        for tracker in settings.trackers { findings.append(await serverFinding("tracker", tracker, inquiry)) }
        await inquiry.shutdown()
        return findings
    }

    // MARK: - The manager

    private func managerFindings(_ inquiry: ManagerInquiry) async -> [DoctorFinding] {
        let address = Endpoint(settings.advertise ?? "", defaultPort: 0)?.host ?? ""
        let question = RouteQuestion(
            hostName: settings.hostName.isEmpty ? HostSystem.hostName : settings.hostName,
            address: IPAddress(address) == nil ? "" : address, site: settings.site, location: settings.location,
            isSeed: settings.isSeed, version: MinionProgram.version)
        var findings: [DoctorFinding] = []
        var best: [String] = []
        // Each, since each has to do when the others are gone.
        for manager in settings.managers {
            do {
                let reading = try await inquiry.route(
                    question, managers: [manager], token: settings.joinToken ?? "", limit: .seconds(5))
                findings += Self.findings(reading, now: Date().timeIntervalSince1970, tellsCluster: best.isEmpty)
                if best.isEmpty { best = reading.answer.clusters.first?.schedulers ?? [] }
            } catch {
                findings.append(Self.finding(error, of: manager))
            }
        }
        for scheduler in best { findings.append(await serverFinding("scheduler", scheduler, inquiry)) }
        return findings
    }

    /// What it means that a manager did not answer.
    package static func finding(_ error: any Error, of manager: String) -> DoctorFinding {
        let fix =
            switch (error as? FleetError)?.kind {
            case .refused: "make a join token at the manager, and give it as MINION_JOIN_TOKEN"
            case .unknown, .rubbish: "is the address right, and that of a manager?"
            case .unreachable, nil: "is 'minion serve' running there, and may this machine connect to it?"
            }
        return DoctorFinding("manager", .fail, "\(error)", fix: fix)
    }

    /// What a manager's answer tells at the time `now`, in seconds since 1970.
    package static func findings(
        _ reading: ManagerInquiry.Reading, now: Double, tellsCluster: Bool = true
    ) -> [DoctorFinding] {
        var findings = [
            DoctorFinding(
                "manager", .ok,
                "\(reading.manager) answered in \(milliseconds(reading.duration)); it sees this machine at "
                    + reading.answer.address),
            DoctorClock.finding(skew: now - reading.duration.inSeconds / 2 - reading.answer.time, of: reading.manager),
        ]
        guard tellsCluster else { return findings }
        guard let best = reading.answer.clusters.first else {
            findings.append(
                DoctorFinding(
                    "cluster", .fail, "no cluster has a scheduler that is alive",
                    fix: "start one: minion serve --roles scheduler --manager \(reading.manager)"))
            return findings
        }
        findings.append(DoctorFinding("cluster", .ok, "this machine belongs to " + describe(best)))
        for other in reading.answer.clusters.dropFirst().prefix(10) {
            findings.append(DoctorFinding("cluster", .ok, "if none of its schedulers answers, to " + describe(other)))
        }
        return findings
    }

    private static func describe(_ cluster: RouteAnswer.Candidate) -> String {
        let score = Int((max(0, min(cluster.score, 1)) * 100).rounded())
        let reasons = cluster.reasons.joined(separator: "; ")
        let why = reasons.isEmpty ? "nothing of it matches in particular" : reasons
        return "\(cluster.name) (\(score) of 100): \(why)"
    }

    // MARK: - Others

    private func serverFinding(_ check: String, _ server: String, _ inquiry: ManagerInquiry) async -> DoctorFinding {
        do {
            let duration = try await inquiry.health(of: server)
            return DoctorFinding(check, .ok, "\(server) answered in \(Self.milliseconds(duration))")
        } catch {
            let fix =
                (error as? FleetError)?.kind == .unreachable
                ? "is 'minion serve' running there, and may this machine connect to it?" : "is the address right?"
            return DoctorFinding(check, .fail, "\(error)", fix: fix)
        }
    }

    private static func milliseconds(_ duration: Duration) -> String {
        let tenths = Int((duration.inSeconds * 10_000).rounded())
        return "\(tenths / 10).\(tenths % 10) ms"
    }
}

/// What the difference of two clocks means.
package enum DoctorClock {
    /// Past these, in seconds.
    static let (worth, bad) = (5.0, 300.0)

    /// `skew` is how far this machine's clock is ahead of the server's, in seconds.
    package static func finding(skew: Double, of server: String) -> DoctorFinding {
        let amount = Duration.inSeconds(abs(skew)).brief
        guard abs(skew) >= worth else {
            return DoctorFinding("clock", .ok, "it is within \(amount) of that of \(server)")
        }
        return DoctorFinding(
            "clock", abs(skew) >= bad ? .fail : .warn,
            "it is \(amount) \(skew > 0 ? "ahead of" : "behind") that of \(server)",
            fix: "have both set by the network: timedatectl set-ntp true")
    }
}

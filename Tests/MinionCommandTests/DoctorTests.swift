import Fleet
import HostNode
import MinionCommand
import Node
import Testing

@Suite struct DoctorTests {
    private func reading(_ clusters: [RouteAnswer.Candidate], time: Double = 1000) -> ManagerInquiry.Reading {
        ManagerInquiry.Reading(
            manager: "http://m:8080", answer: RouteAnswer(address: "10.1.2.3", clusters: clusters, time: time),
            duration: .milliseconds(4))
    }

    @Test func clusterIsNamedWithWhatCounted() {
        let east = RouteAnswer.Candidate(
            id: 1, name: "east", score: 0.31, reasons: ["its CIDR 10.0.0.0/8 has 10.1.2.3", "it is the default"],
            schedulers: ["http://s"])
        let west = RouteAnswer.Candidate(id: 2, name: "west", score: 0, reasons: [], schedulers: ["http://w"])
        let findings = NetworkExamination.findings(reading([east, west]), now: 1000)
        #expect(findings.allSatisfy { $0.status == .ok })
        let cluster = findings.filter { $0.check == "cluster" }
        #expect(cluster.count == 2)
        #expect(cluster[0].message.contains("east (31 of 100)") && cluster[0].message.contains("10.0.0.0/8"))
        #expect(cluster[1].message.contains("west"))
        #expect(findings.contains { $0.check == "manager" && $0.message.contains("10.1.2.3") })
    }

    @Test func noClusterFailsWithAFix() {
        let finding = NetworkExamination.findings(reading([]), now: 1000).last
        #expect(finding?.status == .fail && finding?.fix?.contains("--roles scheduler") == true)
    }

    @Test(arguments: [
        (0.0, DoctorFinding.Status.ok), (-4, .ok), (30, .warn), (-30, .warn), (3600, .fail), (-3600, .fail),
    ])
    func clocksMayDifferByALittle(skew: Double, status: DoctorFinding.Status) {
        let finding = DoctorClock.finding(skew: skew, of: "http://m")
        #expect(finding.status == status && (finding.fix != nil) == (status != .ok))
        #expect(status == .ok || finding.message.contains(skew > 0 ? "ahead" : "behind"))
    }

    @Test func fullDisksAndFewFilesAreTold() {
        let gigabyte: Int64 = 1 << 30
        let space = { (free: Int64) in
            HostExamination.spaceFinding("/c", free: free, capacity: 100 * gigabyte, limit: gigabyte).status
        }
        #expect(space(50 * gigabyte) == .ok && space(4 * gigabyte) == .warn && space(1 << 20) == .fail)
        #expect(HostExamination.openFilesFinding(65536).status == .ok)
        #expect(HostExamination.openFilesFinding(1024).status == .warn)
        #expect(HostExamination.openFilesFinding(64).status == .fail)
    }

    @Test func hostWithoutANodeIsWarned() {
        let folder = TestFolder()
        var settings = PeerSettings()
        settings.socket = folder.path + "/node.sock"
        settings.cacheFolder = folder.path + "/cache"
        let findings = HostExamination(settings: settings).findings()
        #expect(findings.map(\.check) == ["socket", "port", "cache", "open files"])
        #expect(findings[0].status == .warn && findings[0].fix?.contains("minion peer") == true)
        settings.cacheFolder = "/proc/nothing/cache"
        #expect(HostExamination(settings: settings).findings()[2].status == .fail)
    }

    @Test func findingsAreToldInTwoWays() {
        let finding = DoctorFinding("port", .fail, "it is \"used\"", fix: "end it")
        #expect(finding.text == "fail  port        it is \"used\"\n      fix: end it\n")
        #expect(finding.json == #"{"check":"port","status":"fail","message":"it is \"used\"","fix":"end it"}"# + "\n")
        #expect(DoctorFinding("a", .ok, "m").json.contains(#""fix":null"#))
    }
}

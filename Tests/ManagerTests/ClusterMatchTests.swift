import Manager
import Testing

@Suite struct ClusterMatchTests {
    private struct Cluster {
        var name: String
        var idc = ""
        var location = ""
        var cidrs: [String] = []
        var hosts: [String] = []
        var isDefault = false
    }

    private func ranked(
        _ clusters: [Cluster], ip: String = "128.168.1.0", host: String = "foo", idc: String = "", location: String = ""
    ) throws -> [(name: String, score: Double)] {
        let candidates = clusters.enumerated().map { index, cluster in
            var scopes = ClusterMatch.Scopes()
            scopes.idc = cluster.idc
            scopes.location = cluster.location
            scopes.cidrs = cluster.cidrs
            scopes.hostNames = cluster.hosts
            return ClusterMatch.Candidate(
                id: Int64(index), scopes: scopes, isDefault: cluster.isDefault, hasSchedulers: true)
        }
        let conditions = ClusterMatch.Conditions(ip: ip, hostName: host, idc: idc, location: location)
        return try ClusterMatch.ranked(candidates, for: conditions).map {
            (clusters[Int($0.candidate.id)].name, $0.score)
        }
    }

    private func names(_ clusters: [Cluster], idc: String = "", location: String = "") throws -> [String] {
        try ranked(clusters, idc: idc, location: location).map(\.name)
    }

    @Test func noClustersAreAnError() {
        #expect(throws: ClusterMatch.Failure.noClusters) { try ranked([]) }
        #expect(ClusterMatch.Failure.noClusters.description == "empty scheduler clusters")
    }

    @Test func clustersWithoutSchedulersAreLeftOut() {
        let conditions = ClusterMatch.Conditions(ip: "1.2.3.4", hostName: "foo")
        let empty = ClusterMatch.Candidate(id: 1, scopes: ClusterMatch.Scopes(), isDefault: true, hasSchedulers: false)
        #expect(throws: ClusterMatch.Failure.noneHasSchedulers(conditions)) {
            try ClusterMatch.ranked([empty], for: conditions)
        }
    }

    @Test func theDefaultComesFirst() throws {
        #expect(try names([Cluster(name: "foo", isDefault: true), Cluster(name: "bar")]) == ["foo", "bar"])
    }

    @Test func oneScopeDecides() throws {
        let location = [Cluster(name: "foo", location: "location-1"), Cluster(name: "bar")]
        #expect(try names(location, location: "location-1") == ["foo", "bar"])
        let idc = [Cluster(name: "foo", idc: "idc|idc-1"), Cluster(name: "bar", idc: "idc-2|idc-3")]
        #expect(try names(idc, idc: "idc-2") == ["bar", "foo"])
        #expect(try names([Cluster(name: "foo", cidrs: ["128.168.1.0/24"]), Cluster(name: "bar")]) == ["foo", "bar"])
        #expect(try names([Cluster(name: "foo", hosts: ["f.*"]), Cluster(name: "bar")]) == ["foo", "bar"])
    }

    @Test func placesAreWeighed() throws {
        let clusters = [
            Cluster(name: "foo", idc: "idc-3", location: "location-1"),
            Cluster(name: "bar", idc: "idc-1", location: "location-3"),
            Cluster(name: "baz", idc: "idc-1", location: "location-1|location-2"),
            Cluster(name: "bax", idc: "idc-3", location: "location-3", isDefault: true),
            Cluster(name: "bac", idc: "idc-1", location: "location-2"),
        ]
        let found = try ranked(clusters, idc: "idc-1", location: "location-1|location-2")
        #expect(found.map(\.name) == ["baz", "bar", "bac", "foo", "bax"])
        expect(found.map(\.score), [0.39, 0.25, 0.25, 0.028, 0.01])
    }

    @Test func everythingIsWeighedTogether() throws {
        func cluster(_ name: String, _ location: String, _ host: String, _ isDefault: Bool = false) -> Cluster {
            Cluster(
                name: name, idc: "IDC-1", location: location,
                cidrs: [name == "bat" ? "192.168.1.0/24" : "128.168.1.0/24"], hosts: [host], isDefault: isDefault)
        }
        let clusters = [
            cluster("foo", "LOCATION-2", "b.*"), cluster("bar", "LOCATION-1", "c.*"),
            cluster("baz", "LOCATION-1|LOCATION-2", "f.*"), cluster("bax", "LOCATION-2", "d.*", true),
            cluster("bac", "LOCATION-2", "e.*"), cluster("bae", "LOCATION-2", "a.*", true),
            cluster("bat", "LOCATION-2", "g.*", true),
        ]
        let found = try ranked(clusters, idc: "idc-1", location: "location-1|location-2")
        #expect(found.map(\.name) == ["baz", "bar", "bax", "bae", "foo", "bac", "bat"])
        expect(found.map(\.score), [0.99, 0.578, 0.56, 0.56, 0.55, 0.55, 0.26])
    }

    @Test(arguments: [
        ("a|b", "a|b", 1.0), ("a|b|c", "a|b", 0.4), ("a", "a|b|c|d|e|f", 0.2), ("b", "a|b", 0), ("a|x|c", "a|b|c", 0.2),
        ("a|b|c|d|e|f", "a|b|c|d|e|g", 1), ("", "a", 0), ("a", "", 0), ("A|B", "a|b", 1), (" a", "a", 0),
    ])
    func locationsCountByTheirBeginnings(_ peer: String, _ cluster: String, _ value: Double) throws {
        expect(try ranked([Cluster(name: "x", location: cluster)], location: peer).map(\.score), [0.14 * value])
    }

    @Test(arguments: [
        ("b", "a|b", true), ("a|b", "a|b|c", false), ("a|b", "a|b", true), ("A", "a", true), ("", "a", false),
        ("a", "", false),
    ])
    func dataCentresMatchWhole(_ peer: String, _ cluster: String, _ isMatch: Bool) throws {
        expect(try ranked([Cluster(name: "x", idc: cluster)], idc: peer).map(\.score), [isMatch ? 0.25 : 0])
    }

    @Test func badScopesAndAddressesMatchNothing() throws {
        let bad = Cluster(name: "x", cidrs: ["nonsense", "10.0.0.0/99"], hosts: ["(", "*"])
        expect(try ranked([bad]).map(\.score), [0])
        expect(try ranked([Cluster(name: "x", cidrs: ["0.0.0.0/0"])], ip: "nonsense").map(\.score), [0])
        expect(try ranked([Cluster(name: "x", hosts: [".*"])], host: "").map(\.score), [0])
        expect(
            try ranked([Cluster(name: "x", cidrs: ["128.168.0.0/16"])], ip: "::ffff:128.168.1.1").map(\.score), [0.3])
    }

    @Test func equalsStayInTheirOrder() throws {
        let clusters = (0..<100).map { Cluster(name: "\($0)") }
        #expect(try names(clusters) == clusters.map(\.name))
    }

    private func expect(_ scores: [Double], _ expected: [Double]) {
        #expect(scores.count == expected.count)
        for (score, wanted) in zip(scores, expected) { #expect(abs(score - wanted) < 1e-9) }
    }
}

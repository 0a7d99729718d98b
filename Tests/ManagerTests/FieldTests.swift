import Manager
import Testing

@Suite struct FieldTests {
    private static let inner = ObjectShape(
        "Inner", [FieldRule(key: "filter_parent_limit", shape: .integer(10...1000))])
    private static let shape = ObjectShape(
        "CreateThingRequest",
        [
            FieldRule(key: "name", shape: .text(TextRule(minimum: 3, maximum: 5)), isRequired: true),
            FieldRule(key: "scheduler_cluster_id", shape: .id), FieldRule(key: "kind", shape: .oneOf("a", "b")),
            FieldRule(key: "e_mail", shape: .text(TextRule(format: .email))),
            FieldRule(key: "cidrs", shape: .array(of: .text(TextRule(format: .cidr)), atMost: 2)),
            FieldRule(key: "ips", shape: .array(of: .text(max: 9), atLeast: 1, atMost: 2)),
            FieldRule(key: "config", shape: .object(inner)), FieldRule(key: "on", shape: .boolean),
            FieldRule(key: "expired_at", shape: .timestamp),
            FieldRule(key: "value", shape: .integer(IntegerRule(0...20, countsZero: true))),
            FieldRule(key: "headers", shape: .map(of: .text(max: 3), atMost: 1)),
            FieldRule(key: "filtered", shape: .text(max: 99), aliases: ["filteredParams"]),
        ])

    private func lines(_ json: String) throws -> [String] {
        let value = try JSONParser.parse(json)
        do {
            _ = try Self.shape.check(value)
            return []
        } catch {
            return error.lines
        }
    }

    @Test(arguments: [
        (#"{}"#, "Key: 'CreateThingRequest.Name' Error:Field validation for 'Name' failed on the 'required' tag"),
        (
            #"{"name":""}"#,
            "Key: 'CreateThingRequest.Name' Error:Field validation for 'Name' failed on the 'required' tag"
        ),
        (#"{"name":"ab"}"#, "Key: 'CreateThingRequest.Name' Error:Field validation for 'Name' failed on the 'min' tag"),
        (
            #"{"name":"abcdef"}"#,
            "Key: 'CreateThingRequest.Name' Error:Field validation for 'Name' failed on the 'max' tag"
        ),
        (
            #"{"name":"abc","kind":"c"}"#,
            "Key: 'CreateThingRequest.Kind' Error:Field validation for 'Kind' failed on the 'oneof' tag"
        ),
        (
            #"{"name":"abc","e_mail":"no"}"#,
            "Key: 'CreateThingRequest.EMail' Error:Field validation for 'EMail' failed on the 'email' tag"
        ),
        (
            #"{"name":"abc","scheduler_cluster_id":-1}"#,
            "Key: 'CreateThingRequest.SchedulerClusterID' Error:Field validation for 'SchedulerClusterID' failed on the 'gte' tag"
        ),
        (
            #"{"name":"abc","config":{"filter_parent_limit":1001}}"#,
            "Key: 'CreateThingRequest.Config.FilterParentLimit' Error:Field validation for 'FilterParentLimit' failed on the 'lte' tag"
        ),
        (
            #"{"name":"abc","cidrs":["10.0.0.0/8","x"]}"#,
            "Key: 'CreateThingRequest.CIDRs[1]' Error:Field validation for 'CIDRs[1]' failed on the 'cidr' tag"
        ),
        (
            #"{"name":"abc","cidrs":["1.0.0.0/8","1.0.0.0/8","1.0.0.0/8"]}"#,
            "Key: 'CreateThingRequest.CIDRs' Error:Field validation for 'CIDRs' failed on the 'max' tag"
        ),
        (
            #"{"name":"abc","ips":[]}"#,
            "Key: 'CreateThingRequest.IPs' Error:Field validation for 'IPs' failed on the 'min' tag"
        ),
        (#"{"name":7}"#, "json: cannot unmarshal number into field CreateThingRequest.Name of type string"),
        (
            #"{"name":"abc","scheduler_cluster_id":18446744073709551616}"#,
            "json: cannot unmarshal number into field CreateThingRequest.SchedulerClusterID of type integer"
        ),
        (#"{"name":"abc","on":1}"#, "json: cannot unmarshal number into field CreateThingRequest.On of type bool"),
        (
            #"{"name":"abc","config":[]}"#,
            "json: cannot unmarshal array into field CreateThingRequest.Config of type object"
        ),
        (#"{"name":"abc","expired_at":"soon"}"#, "parsing time \"soon\" as RFC 3339: CreateThingRequest.ExpiredAt"),
        (#"[]"#, "json: cannot unmarshal array into value of type CreateThingRequest"),
    ])
    func brokenRulesAreToldInTheWordsOfTheAPI(_ json: String, _ line: String) throws {
        #expect(try lines(json) == [line])
    }

    @Test(arguments: [
        #"{"name":"abc"}"#, #"{"name":"abcde","unknown":1}"#, #"{"name":"äöü"}"#, #"{"name":"abc","kind":""}"#,
        #"{"name":"abc","kind":null,"scheduler_cluster_id":null}"#, #"{"name":"abc","config":{}}"#,
        #"{"name":"abc","config":{"filter_parent_limit":0}}"#, #"{"name":"abc","config":{"filter_parent_limit":10.0}}"#,
        #"{"name":"abc","e_mail":"a.b+c@d.example"}"#, #"{"name":"abc","cidrs":[]}"#, #"{"name":"abc","value":0}"#,
        #"{"name":"abc","headers":{"a":"b"}}"#,
    ])
    func requestsThatBreakNoRulePass(_ json: String) throws {
        #expect(try lines(json).isEmpty)
    }

    @Test func allBrokenRulesAreTold() throws {
        #expect(try lines(#"{"kind":"x","value":21}"#).count == 3)
    }

    @Test func hopelessRequestsAreToldBriefly() throws {
        let many = ObjectShape("Many", (0..<100).map { FieldRule(key: "f\($0)", shape: .boolean, isRequired: true) })
        #expect(throws: BrokenRules.self) { try many.check([:]) }
        do {
            _ = try many.check([:])
        } catch {
            #expect(error.lines.count == 20)
        }
    }

    @Test func otherNamesOfAFieldAreAccepted() throws {
        let fields = try Self.shape.check(["name": "abc", "filteredParams": "a&b"])
        #expect(fields.object["filtered"] == "a&b")
    }

    @Test(arguments: [
        ("scheduler_cluster_id", "SchedulerClusterID"), ("ip", "IP"), ("idc", "IDC"), ("redirect_url", "RedirectURL"),
        ("host_name", "HostName"), ("cidrs", "CIDRs"), ("bio", "BIO"), ("scheduler_cluster_ids", "SchedulerClusterIDs"),
    ])
    func titlesAreThoseOfTheAPI(_ key: String, _ title: String) {
        #expect(FieldRule.title(of: key) == title)
    }

    @Test(arguments: [
        (
            TextRule.Format.email, ["a@b", "a.b@c.example", "ü@ü.example"],
            ["a", "@b", "a@", "a@b@c", "a b@c", ".a@b", "a@-b", "a@b..c"]
        ),
        (
            .url, ["http://a", "https://a.b:80/c?d", "HTTPS://a"],
            ["a", "ftp://a", "http://", "http:///a", "http://a b", "javascript:x"]
        ),
        (.ip, ["1.2.3.4", "::1"], ["1.2.3", "a"]), (.cidr, ["1.2.3.0/24", "::/0"], ["1.2.3.4", "1.2.3.0/33"]),
        (.regex, ["f.*", "^a$"], ["(", "*"]),
    ])
    func formatsAreTold(_ format: TextRule.Format, _ good: [String], _ bad: [String]) {
        for text in good { #expect(format.accepts(text), "\(text)") }
        for text in bad { #expect(!format.accepts(text), "\(text)") }
    }
}

import MinionCore
import Swarm
import Testing
import Wire

struct PathAndHeaderTests {
    private static let task = TaskID(of: TaskIdentity(url: "http://host/file"))
    private static let peer = PeerID(0xDEAD_BEEF)

    @Test(arguments: [
        TaskPath.tasks, .task(task), .content(task), .news(task), .peers(task), .peer(task, peer),
    ])
    func pathIsReadAsWritten(path: TaskPath) throws {
        #expect(try TaskPath.parse(path.text) == path)
        #expect(try TaskPath.parse(path.text + "/") == path)
    }

    @Test func pathsAreThoseOfTheProtocol() {
        #expect(TaskPath.peer(Self.task, Self.peer).text == "/v1/tasks/\(Self.task.hex)/peers/00000000deadbeef")
    }

    @Test(arguments: [
        "", "/", "/v1", "/v1/", "/v1/task", "v1/tasks", "/v2/tasks", "/v1/tasks/\(task)/pieces",
        "/v1/tasks/\(task)/content/x", "/v1/tasks/\(task)/news/content", "/v1/tasks/\(task)/peers/\(peer)/x",
        "/v1/tasks//x",
    ])
    func otherPathsAreUnknown(path: String) {
        #expect(throws: TaskPath.ParseError.unknown) { try TaskPath.parse(path) }
        #expect(TaskPath(path) == nil)
    }

    @Test(arguments: ["/v1/tasks/x", "/v1/tasks/\(task.hex.uppercased())", "/v1/tasks/\(task)0/content"])
    func badTaskIDIsNamed(path: String) {
        #expect(throws: TaskPath.ParseError.badTaskID) { try TaskPath.parse(path) }
    }

    @Test(arguments: ["/v1/tasks/\(task)/peers/1", "/v1/tasks/\(task)/peers/00000000DEADBEEF"])
    func badPeerIDIsNamed(path: String) {
        #expect(throws: TaskPath.ParseError.badPeerID) { try TaskPath.parse(path) }
    }

    @Test func proofHeaderIsReadAsWritten() throws {
        let hash = try #require(PieceHash(hex: String(repeating: "12", count: 32)))
        let proof = PieceProof(piece: 3, hash: hash, signature: String(repeating: "f0", count: 64))
        #expect(HeaderValue.proof(HeaderValue.proof(proof), piece: 3) == proof)
    }

    @Test(arguments: ["", ".", "aa.bb", String(repeating: "a", count: 193), String(repeating: "a", count: 64) + "."])
    func brokenProofHeaderIsRefused(text: String) {
        #expect(HeaderValue.proof(text, piece: 0) == nil)
    }

    @Test(arguments: ["", "\"abc\"", "W/\"x y\"", "Tue, 15 Nov 1994 12:45:26 GMT", "ü%\n\u{0}"])
    func validatorSurvivesTheHeader(validator: String) {
        let encoded = HeaderValue.validator(validator)
        #expect(encoded.utf8.allSatisfy { $0 > 32 && $0 < 127 })
        #expect(HeaderValue.validator(encoded: encoded) == validator)
    }

    @Test(arguments: ["%", "%4", "%zz", "%ff"])
    func brokenPercentEncodingIsRefused(text: String) {
        #expect(HeaderValue.validator(encoded: text) == nil)
    }

    @Test func longValidatorIsRefused() {
        #expect(HeaderValue.validator(encoded: String(repeating: "a", count: 1024)) != nil)
        #expect(HeaderValue.validator(encoded: String(repeating: "a", count: 1025)) == nil)
    }

    @Test func plusMeansSpaceOnlyInForms() {
        #expect(PercentEncoding.decode("a+b%2B") == "a+b+")
        #expect(PercentEncoding.decode("a+b%2B", plusIsSpace: true) == "a b+")
    }

    @Test func layoutIsReadAsWritten() throws {
        let layout = try #require(PieceLayout(size: 1_000_001, pieceSize: 1 << 18))
        #expect(HeaderValue.layout(HeaderValue.layout(TaskVersion(validator: "", layout: layout))) == layout)
    }

    @Test(arguments: [
        "", "/", "1", "1/2", "-1/262144", "+1/262144", "1/262144/", "99999999999999999999/262144", "a/262144",
    ])
    func brokenLayoutIsRefused(text: String) { #expect(HeaderValue.layout(text) == nil) }

    @Test func endpointMayLackItsHost() {
        #expect(HeaderValue.endpoint(":7000") == Endpoint(host: "", port: 7000))
        #expect(HeaderValue.endpoint("[::1]:7000") == Endpoint(host: "::1", port: 7000))
        #expect(HeaderValue.endpoint(":0") == nil)
        #expect(HeaderValue.endpoint(":") == nil)
        #expect(HeaderValue.endpoint("::1") == nil)
        #expect(HeaderValue.endpoint("") == nil)
    }
}

import Testing
import Wire

struct MinionCompatTests {
    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    private func announcement(_ body: String) throws -> MinionCompat.Announcement {
        try Array(body.utf8).withUnsafeBytes { try MinionCompat.announcement(from: $0) }
    }

    private func peer(_ address: String, _ port: Int, _ site: String = "") throws -> MinionCompat.Peer {
        MinionCompat.Peer(address: try #require(IPv4Address(address)), port: port, site: site)
    }

    @Test func answersAreThoseOfTheFirstMinion() throws {
        let peers = [try peer("10.0.0.1", 80), try peer("10.0.0.2", 8080, "eu \"1\"")]
        #expect(
            text(MinionCompat.peers(of: "http://host/f?a=1", peers, verbose: false))
                == #"{"http://host/f?a=1": [["10.0.0.1", 80], ["10.0.0.2", 8080]], "ret": "success"}"#)
        #expect(
            text(MinionCompat.peers(of: "r", peers, verbose: true))
                == #"{"r": [["10.0.0.1", 80], ["10.0.0.2", 8080, {"site": "eu \"1\""}]], "ret": "success"}"#)
        #expect(text(MinionCompat.peers(of: "r", [], verbose: true)) == #"{"r": [], "ret": "success"}"#)
        #expect(text(MinionCompat.resources(["a", "b"])) == #"{"resources": ["a", "b"], "ret": "success"}"#)
        #expect(text(MinionCompat.success) == #"{"ret": "success"}"#)
        #expect(text(MinionCompat.failure("no \\ \n")) == #"{"ret": "no \\ \n"}"#)
    }

    @Test func textsAreEscapedToASCII() {
        #expect(
            text(MinionCompat.resources(["é😀\u{1}\u{7f}"]))
                == #"{"resources": ["\u00e9\ud83d\ude00\u0001\u007f"], "ret": "success"}"#)
    }

    @Test func announcementIsRead() throws {
        let read = try announcement(
            #"{"ip": "1.2.3.4", "port": 5, "res": "http://h/f", "adt_info": {"site": "x", "hostname": "h"}}"#)
        #expect(read == MinionCompat.Announcement(resource: "http://h/f", peer: try peer("1.2.3.4", 5, "x")))
    }

    @Test(arguments: [
        #"{"ip":"1.2.3.4","port":5,"res":"r"}"#, #"{"ip":"1.2.3.4","port":"5","res":"r","adt_info":null}"#,
        #"{"ip":"1.2.3.4","port":5,"res":"r","adt_info":{"hostname":3}}"#,
        #"{"ip":"1.2.3.4","port":5,"res":"r","adt_info":{"site":null},"more":[]}"#,
    ])
    func announcementMayLackItsSite(body: String) throws {
        #expect(try announcement(body) == MinionCompat.Announcement(resource: "r", peer: try peer("1.2.3.4", 5)))
    }

    @Test(arguments: [
        "", "x", "[]", "{}", #"{"ip":"1.2.3.4","port":5}"#, #"{"port":5,"res":"r"}"#, #"{"ip":"1.2.3.4","res":"r"}"#,
        #"{"ip":"1.2.3","port":5,"res":"r"}"#, #"{"ip":"1.2.3.256","port":5,"res":"r"}"#,
        #"{"ip":"::1","port":5,"res":"r"}"#,
        #"{"ip":"1.2.3.04","port":5,"res":"r"}"#, #"{"ip":"1.2.3.4","port":0,"res":"r"}"#,
        #"{"ip":"1.2.3.4","port":65536,"res":"r"}"#, #"{"ip":"1.2.3.4","port":-1,"res":"r"}"#,
        #"{"ip":"1.2.3.4","port":"x","res":"r"}"#, #"{"ip":"1.2.3.4","port":5,"res":""}"#,
        #"{"ip":"1.2.3.4","port":5,"res":"ret"}"#, #"{"ip":"1.2.3.4","port":5,"res":7}"#,
    ])
    func badAnnouncementIsRefused(body: String) { #expect(throws: WireError.self) { try announcement(body) } }

    @Test func longFieldsAreRefused() {
        let site = String(repeating: "s", count: 65)
        #expect(throws: WireError.self) {
            try announcement(#"{"ip":"1.2.3.4","port":5,"res":"r","adt_info":{"site":"\#(site)"}}"#)
        }
        let resource = String(repeating: "r", count: 8193)
        #expect(throws: WireError.self) { try announcement(#"{"ip":"1.2.3.4","port":5,"res":"\#(resource)"}"#) }
    }

    @Test func siteIsReadFromABody() throws {
        func site(_ body: String) throws -> String? {
            try Array(body.utf8).withUnsafeBytes { try MinionCompat.site(fromBody: $0) }
        }
        #expect(try site(#"{"adt_info": {"site": "X"}}"#) == "X")
        #expect(try site("") == nil)
        #expect(try site("{}") == nil)
        #expect(throws: WireError.self) { try site("x") }
    }

    @Test func queryIsSplitAndDecoded() throws {
        let parameters = try MinionCompat.parameters(
            of: "res=http%3A%2F%2Fh%2Ff%3Fa%3D1%26b&num=3&verbose&x=a=b+c&num=4&é=1")
        #expect(parameters == ["res": "http://h/f?a=1&b", "num": "4", "verbose": "", "x": "a=b c", "é": "1"])
        #expect(try MinionCompat.parameters(of: "").isEmpty)
        #expect(throws: WireError.self) { try MinionCompat.parameters(of: "res=%") }
    }
}

import MinionCommand
import MinionCore
import Node
import Testing

@Suite struct GetOptionsTests {
    private func options(_ arguments: [String], environment: [String: String] = [:]) throws -> GetOptions {
        try GetOptions(arguments: arguments, environment: environment, workingDirectory: "/tmp")
    }

    @Test func defaultsAreThoseOfTheManual() throws {
        let options = try options(["http://host/file"])
        #expect(options.destination == .file("/tmp/file"))
        #expect(options.request.url == "http://host/file")
        #expect(options.request.trackers == [])
        #expect(options.request.mayUseSource)
        #expect(options.request.downloadRate == nil)
        #expect(options.request.uploadRate == nil)
        #expect(options.request.timeoutSeconds == nil)
        #expect(options.request.digest == nil)
        #expect(!options.request.inOrder)
        #expect(options.request.listen == ":0")
        #expect(Set(options.request.ignoredParameters) == TaskIdentity.signatureParameters)
        #expect(options.uploadTime == .seconds(60))
        #expect(!options.deletesFile)
        #expect(options.progress == .auto)
        #expect(options.verbosity == 0)
        #expect(!options.isQuiet)
        #expect(options.temporaryFolder == "/var/tmp")
    }

    @Test func managerStandsInForTrackers() throws {
        let given = try options(
            ["minion:x", "--manager", "m", "--no-node"], environment: ["MINION_JOIN_TOKEN": "mnj_1"])
        #expect(given.request.managers == ["http://m:8080"] && given.request.joinToken == "mnj_1")
        #expect(given.request.trackers == [])
        let environment = ["MINION_MANAGER": "https://m, n:1", "MINION_JOIN_TOKEN": "mnj_1"]
        let flag = try options(["http://h/f", "--join-token", "mnj_2"], environment: environment)
        #expect(flag.request.managers == ["https://m", "http://n:1"] && flag.request.joinToken == "mnj_2")
        for (name, value) in [("MINION_MANAGER", "a b"), ("MINION_JOIN_TOKEN", "a b")] {
            let error = #expect(throws: CommandError.self) { try options(["http://h/f"], environment: [name: value]) }
            #expect(error?.message.contains(name) == true && error?.exitCode == 2)
        }
    }

    @Test func everyFlagArrives() throws {
        let options = try options([
            "http://host/file", "--dest-path", "/tmp/out", "--tracker", "box", "--tracker", "[::1]:90", "--tag", "t",
            "--application", "a", "-H", "X-One: 1", "--header", "Authorization: Bearer x", "--download-rate", "10M",
            "--upload-rate", "80mbit", "--upload-time", "5", "--no-fallback", "--callback", "delete", "--digest",
            "SHA-1:" + String(repeating: "AB", count: 20), "--timeout", "2.5", "--verbose", "2", "--logfile", "log",
            "--site", "east", "--listen", "7000", "--advertise", "1.2.3.4:7000", "--trace", "/tmp/trace", "--progress",
            "json",
        ])
        #expect(options.destination == .file("/tmp/out"))
        #expect(options.request.destination == "/tmp/out")
        #expect(options.request.trackers == ["http://box:8080", "http://[::1]:90"])
        #expect(options.request.tag == "t")
        #expect(options.request.application == "a")
        #expect(options.request.headers.map(\.name) == ["X-One", "Authorization"])
        #expect(options.request.headers.map(\.value) == ["1", "Bearer x"])
        #expect(options.request.downloadRate == 10_485_760)
        #expect(options.request.uploadRate == 10_000_000)
        #expect(options.uploadTime == .seconds(5))
        #expect(!options.request.mayUseSource)
        #expect(options.deletesFile)
        #expect(options.request.digest == "sha1:" + String(repeating: "ab", count: 20))
        #expect(options.request.timeoutSeconds == 2.5)
        #expect(options.verbosity == 2)
        #expect(options.logFile == "/tmp/log")
        #expect(options.request.site == "east")
        #expect(options.request.listen == ":7000")
        #expect(options.request.advertise == "1.2.3.4:7000")
        #expect(options.request.tracePath == "/tmp/trace")
        #expect(options.progress == .json)
    }

    @Test(arguments: [["-o", "-"], ["--data-stdout"], ["--data-stdout", "--output", "-"]])
    func stdoutMeansInOrderAndNothingKept(arguments: [String]) throws {
        let options = try options(["http://host/file"] + arguments, environment: ["TMPDIR": "/tmp"])
        #expect(options.destination == .standardOutput)
        #expect(options.request.inOrder)
        #expect(options.deletesFile)
        #expect(options.temporaryFolder == "/tmp")
    }

    /// The first Minion's variadic option swallowed the URL.
    @Test(arguments: [
        ["--ignore-qp", "a", "b", "http://host/file?a=1"], ["http://host/file?a=1", "--ignore-qp", "a", "b"],
        ["--ignore-qp", "a", "--ignore-qp", "b", "http://host/file?a=1"],
        ["--ignore-qp", "a,b", "--", "http://host/file?a=1"],
        ["--filtered-query-param", "a, b", "http://host/file?a=1"],
        ["--filtered-query-param", "a", "--ignore-qp", "b", "http://host/file?a=1", "--tag", ""],
    ])
    func ignoredParametersDoNotSwallowTheURL(arguments: [String]) throws {
        let some = try options(arguments + ["--no-default-ignore-qp"].filter { _ in !arguments.contains("--") })
        #expect(some.request.url == "http://host/file?a=1")
        let extra = Set(some.request.ignoredParameters).subtracting(TaskIdentity.signatureParameters)
        #expect(extra == ["a", "b"])
    }

    @Test func signatureParametersCanBeKept() throws {
        let options = try options(["http://host/file", "--no-default-ignore-qp", "--ignore-qp", "token"])
        #expect(options.request.ignoredParameters == ["token"])
    }

    @Test func environmentNamesTrackersUnlessArgumentsDo() throws {
        let environment = ["MINION_TRACKER": "one, two:81 ,http://three/"]
        #expect(
            try options(["http://h/f"], environment: environment).request.trackers
                == ["http://one:8080", "http://two:81", "http://three"])
        #expect(
            try options(["http://h/f", "--tracker", "four:1"], environment: environment).request.trackers
                == ["http://four:1"])
        #expect(throws: CommandError.self) { try options(["http://h/f"], environment: ["MINION_TRACKER": "a b"]) }
    }

    @Test func passwordInTheURLIsSentUnlessAHeaderIsGiven() throws {
        #expect(
            try options(["http://u:p@h/f"]).request.headers
                == [DownloadRequest.Header(name: "Authorization", value: "Basic dTpw")])
        #expect(
            try options(["http://u:p@h/f", "-H", "authorization: mine"]).request.headers
                == [DownloadRequest.Header(name: "authorization", value: "mine")])
    }

    @Test(arguments: [["--no-fallback"], ["--no-source"], ["--fallback", "--no-source"]])
    func sourceCanBeForbidden(arguments: [String]) throws {
        #expect(try !options(["http://h/f", "--tracker", "t"] + arguments).request.mayUseSource)
    }

    @Test func sharedNameHasNoSource() throws {
        let options = try options(["minion:a/disk.img", "--tracker", "t"])
        #expect(!options.request.mayUseSource)
        #expect(options.request.url == "minion:a/disk.img")
        #expect(options.destination == .file("/tmp/disk.img"))
    }

    @Test func leechUploadsNothing() throws {
        #expect(try options(["http://h/f"]).request.mayUpload)
        #expect(try !options(["http://h/f", "--no-upload"]).request.mayUpload)
    }

    @Test func nodeOfTheHostIsUsedUnlessItIsAvoided() throws {
        let named = ["MINION_SOCKET": "/s", "HOME": "/h"]
        #expect(try options(["http://h/f"], environment: named).node == .named("/s"))
        #expect(try options(["http://h/f", "--no-node"], environment: named).node == .own)
        guard case .any(let places) = try options(["http://h/f"], environment: ["MINION_SOCKET": ""]).node else {
            Issue.record("no place is looked at")
            return
        }
        #expect(places.last == "/run/minion/node.sock")
    }

    @Test(arguments: [
        ["--listen", "7000"], ["--advertise", "h"], ["--site", "s"], ["--trace", "t"], ["--logfile", "l"],
        ["--verbose", "1"], ["--callback", "delete"],
    ])
    func whatOnlyAnOwnNodeCanDoBringsOne(arguments: [String]) throws {
        #expect(try options(["http://h/f"] + arguments, environment: ["MINION_SOCKET": "/s"]).node == .own)
    }

    /// The host's node may know trackers that the command does not.
    @Test func withoutSourceTheHostsNodeMayKnowATracker() throws {
        let options = try options(["http://h/f", "--no-source"], environment: ["MINION_SOCKET": "/s"])
        #expect(throws: CommandError.self) { try options.checkAlone() }
    }

    /// Each with what the message must name.
    @Test(
        arguments: [
            ([], ["url"]),
            (["http://h/f", "http://h/g"], ["http://h/g"]),
            (["http://h/f", "--nonsense"], ["--nonsense"]),
            (["http://h/f", "--download-rate", "-5"], ["--download-rate", "-5", "10M"]),
            (["http://h/f", "--download-rate", "0"], ["--download-rate", "0", "10M"]),
            (["http://h/f", "--upload-rate", "fast"], ["--upload-rate", "fast", "80mbit"]),
            (["http://h/f", "--upload-rate", "1e30"], ["--upload-rate", "1e30"]),
            (["http://h/f", "--upload-rate", "99999999999T"], ["--upload-rate"]),
            (["http://h/f", "--upload-time", "-1"], ["--upload-time", "-1", "seconds"]),
            (["http://h/f", "--upload-time", "soon"], ["--upload-time", "soon"]),
            (["http://h/f", "--timeout", "0"], ["--timeout", "0"]),
            (["http://h/f", "--verbose", "3"], ["--verbose", "3"]),
            (["http://h/f", "--callback", "run"], ["--callback", "run", "delete"]),
            (["http://h/f", "--progress", "loud"], ["--progress", "loud", "json"]),
            (["http://h/f", "--hash", "sha256:12"], ["sha256:12", "64"]),
            (["http://h/f", "--hash", "crc9:12"], ["crc9:12", "sha256"]),
            (["http://h/f", "--digest", "12"], ["12", "type:hexadecimal"]),
            (["http://h/f", "--tracker", "a b"], ["--tracker", "a b"]),
            (["http://h/f", "--tracker", "ftp://x"], ["--tracker", "ftp://x"]),
            (["http://h/f", "--tracker", "x:70000"], ["--tracker", "x:70000"]),
            (["http://h/f", "--listen", "x:y"], ["--listen", "x:y"]),
            (["http://h/f", "--advertise", "a/b"], ["--advertise", "a/b"]),
            (["http://h/f", "-H", "nonsense"], ["nonsense", "Name: value"]),
            (["http://h/f", "-H", ": x"], [": x"]),
            (["http://h/f", "-H", "A b: x"], ["A b: x"]),
            (["http://h/f", "-H", "A: x\r\nB: y"], ["one line"]),
            (["http://h/f", "-H", "Host: other"], ["Host"]),
            (["http://h/f", "-H", "range: bytes=0-1"], ["range"]),
            (["http://h/f", "-H", "Connection: close"], ["Connection"]),
            (["http://h/f", "-H", "Accept-Encoding: gzip"], ["Accept-Encoding"]),
            (["http://h/f", "--tag", "a\nb"], ["--tag"]),
            (["ftp://h/f"], ["ftp"]),
            (["http://h/f", "--no-fallback", "--no-node"], ["--no-fallback", "tracker"]),
            (["minion:x", "--no-node"], ["minion:NAME", "tracker"]),
            (["http://h/f", "--data-stdout", "-o", "x"], ["--data-stdout", "'x'"]),
            (["http://h/f", "-o", "-", "--progress", "json"], ["stdout"]),
            (["http://h/f", "--data-stdout", "--hash", "md5:00112233445566778899aabbccddeeff"], ["--hash", "stdout"]),
            (["--tracker=", "--quiet", "http://h/f"], ["--tracker", "''"]),
            (["http://h/f", "-q", "--progress", "bar"], ["--quiet"]),
        ] as [([String], [String])])
    func nonsenseIsRefusedAndNamed(arguments: [String], names: [String]) {
        #expect {
            try options(arguments)
        } throws: { error in
            let end = ProgramEnd(error, arguments: ["get"])
            return end.exitCode == 2 && names.allSatisfy(end.text.contains)
        }
    }
}

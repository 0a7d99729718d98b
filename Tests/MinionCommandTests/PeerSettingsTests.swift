import MinionCommand
import MinionCore
import Testing

@Suite struct PeerSettingsTests {
    private func load(
        flags: [PeerSetting: [String]] = [:], environment: [String: String] = ["HOME": "/home/me"], file: String? = nil,
        isRoot: Bool = false
    ) async throws -> LoadedSettings {
        let folder = TestFolder()
        // What this machine has in /etc is not to matter.
        folder.write(file ?? "", to: "peer.toml")
        return try await PeerSettingsReader(
            flags: flags, environment: environment, workingDirectory: "/work", file: folder.path + "/peer.toml",
            isRoot: isRoot
        ).load()
    }

    @Test func defaultsAreThoseOfTheHelp() async throws {
        let loaded = try await load()
        let settings = loaded.settings
        #expect(settings.trackers == [] && settings.listen == ":0" && settings.advertise == nil)
        #expect(settings.cacheFolder == "/home/me/.cache/minion" && settings.cacheSize == .share(percent: 25))
        #expect(settings.cacheAge == nil && settings.downloadRate == nil && settings.sourceRate == nil)
        #expect(!settings.isSeed && settings.mayUpload && settings.mayUseSource)
        #expect(settings.uploadSlots == 8 && settings.concurrentPieces == 8)
        #expect(settings.socket == "/home/me/.local/state/minion/node.sock")
        #expect(loaded.origins.values.allSatisfy { $0 == .standard })
        let root = try await load(isRoot: true).settings
        #expect(root.cacheFolder == "/var/cache/minion" && root.socket == "/run/minion/node.sock")
    }

    @Test func flagBeatsEnvironmentBeatsFile() async throws {
        let file = """
            tracker = ["file:1"]
            cache-size = "1G"
            upload-rate = "1M"
            seed = true
            upload-slots = 3
            """
        let environment = [
            "HOME": "/h", "MINION_CACHE_SIZE": "2G", "MINION_UPLOAD_RATE": "2M", "MINION_TRACKER": "a, b:2",
            "MINION_CONCURRENT_PIECES": "5", "MINION_LOG_LEVEL": "",
        ]
        let loaded = try await load(
            flags: [.cacheSize: ["3G"], .seed: ["false"]], environment: environment, file: file)
        let settings = loaded.settings
        #expect(settings.cacheSize == .bytes(3 << 30))
        #expect(settings.uploadRate == ByteRate(bytesPerSecond: 2_097_152))
        #expect(settings.trackers == ["http://a:8080", "http://b:2"])
        #expect(!settings.isSeed && settings.uploadSlots == 3 && settings.concurrentPieces == 5)
        #expect(loaded.origins[.cacheSize] == .flag("--cache-size"))
        #expect(loaded.origins[.uploadRate] == .environment("MINION_UPLOAD_RATE"))
        #expect(loaded.origins[.concurrentPieces] == .environment("MINION_CONCURRENT_PIECES"))
        // A variable that is set to nothing counts as not set.
        #expect(loaded.origins[.logLevel] == .standard)
        guard case .file(_, let line) = loaded.origins[.uploadSlots] else {
            Issue.record("not from the file: \(loaded.origins)")
            return
        }
        #expect(line == 5)
    }

    @Test func everySettingArrivesFromTheFile() async throws {
        let file = """
            tracker = "t:1"
            manager = ["m", "https://n"]
            join-token = "mnj_secret"
            host-name = "h-1"
            preheat-sources = "127.0.0.1, *.local"
            cache-dir = "/c"
            cache-size = 1000
            cache-age = "2h"
            listen = 7000
            advertise = "1.2.3.4"
            site = "s"
            location = "a|b"
            seed = true
            upload = true
            source = false
            download-rate = "80mbit"
            upload-rate = "1M"
            source-rate = 4096
            upload-slots = 2
            concurrent-pieces = 3
            socket = "/s"
            log-level = "debug"
            log-format = "json"
            """
        let loaded = try await load(file: file)
        var expected = PeerSettings()
        expected.trackers = ["http://t:1"]
        expected.managers = ["http://m:8080", "https://n"]
        expected.joinToken = "mnj_secret"
        expected.hostName = "h-1"
        expected.preheatSources = ["127.0.0.1", "*.local"]
        expected.cacheFolder = "/c"
        expected.cacheSize = .bytes(1000)
        expected.cacheAge = .seconds(7200)
        expected.listen = ":7000"
        expected.advertise = "1.2.3.4"
        expected.site = "s"
        expected.location = "a|b"
        expected.isSeed = true
        expected.mayUseSource = false
        expected.downloadRate = ByteRate(bytesPerSecond: 10_000_000)
        expected.uploadRate = ByteRate(bytesPerSecond: 1_048_576)
        expected.sourceRate = ByteRate(bytesPerSecond: 4096)
        expected.uploadSlots = 2
        expected.concurrentPieces = 3
        expected.socket = "/s"
        expected.logLevel = .debug
        expected.logFormat = .json
        #expect(loaded.settings == expected)
        #expect(loaded.origins.count == PeerSetting.allCases.count)
    }

    /// What is printed is a file that says the same.
    @Test func printedSettingsCanBeReadAgain() async throws {
        let loaded = try await load(
            flags: [.tracker: ["a", "b:1"], .cacheDir: ["rel/x"], .site: ["say \"hi\""], .cacheAge: ["90"]])
        #expect(loaded.text.contains("cache-dir = \"/work/rel/x\""))
        #expect(loaded.text.contains("# --cache-dir\n") && loaded.text.contains("# default\n"))
        let again = try await load(file: loaded.text)
        #expect(again.settings == loaded.settings)
    }

    @Test func joinTokenIsShownToNobody() async throws {
        let loaded = try await load(
            flags: [.manager: ["m"]], environment: ["HOME": "/h", "MINION_JOIN_TOKEN": "mnj_secret"])
        #expect(loaded.settings.joinToken == "mnj_secret")
        #expect(loaded.text.contains("join-token = \"***\"") && !loaded.text.contains("secret"))
        #expect(loaded.origins[.joinToken] == .environment("MINION_JOIN_TOKEN"))
        let error = await #expect(throws: CommandError.self) {
            try await load(flags: [.joinToken: ["two words"]])
        }
        #expect(error?.text.contains("--join-token") == true && error?.text.contains("words") == false)
    }

    /// Each with what the message must name.
    @Test(
        arguments: [
            ([.cacheSize: ["0"]], [:], "", ["--cache-size", "'0'", "25%"]),
            ([.cacheSize: ["101%"]], [:], "", ["--cache-size", "101%"]),
            ([.uploadSlots: ["0"]], [:], "", ["--upload-slots", "1 to 1000"]),
            ([:], ["MINION_UPLOAD_RATE": "fast"], "", ["MINION_UPLOAD_RATE", "fast", "80mbit"]),
            ([:], ["MINION_SEED": "perhaps"], "", ["MINION_SEED", "true or false"]),
            ([:], [:], "# one\ncache-age = \"soon\"", ["peer.toml:2", "cache-age", "soon", "30d"]),
            ([:], [:], "seed = [\"a\"]", ["peer.toml:1", "seed"]),
            ([:], [:], "cache-dir = \"relative\"", ["peer.toml:1", "cache-dir", "/"]),
            ([:], [:], "chache-dir = \"/c\"", ["peer.toml:1", "chache-dir", "did you mean cache-dir?"]),
            ([:], [:], "tracker = [\"a b\"]", ["peer.toml:1", "tracker", "a b"]),
            ([:], [:], "log-level = \"loud\"", ["log-level", "debug"]),
            ([.seed: ["true"], .upload: ["false"]], [:], "", ["seed"]),
            ([.source: ["false"]], [:], "", ["--no-source", "tracker"]),
            ([.site: [String(repeating: "s", count: 65)]], [:], "", ["--site", "64"]),
            ([.manager: ["m"]], [:], "", ["join token", "MINION_JOIN_TOKEN"]),
            ([.preheatSources: ["10.0.0"]], [:], "", ["--preheat-sources", "10.0.0"]),
        ] as [([PeerSetting: [String]], [String: String], String, [String])])
    func nonsenseIsRefusedAndNamed(
        flags: [PeerSetting: [String]], environment: [String: String], file: String, names: [String]
    ) async throws {
        let error = await #expect(throws: CommandError.self) {
            try await load(flags: flags, environment: environment.merging(["HOME": "/h"]) { a, _ in a }, file: file)
        }
        #expect(error?.exitCode == 2)
        for name in names { #expect(error?.text.contains(name) == true, "\(error?.text ?? "")") }
    }

    @Test(arguments: [("none.toml", "/nowhere/none.toml"), ("/dev/null", "no plain file"), ("/tmp", "no plain file")])
    func fileThatIsNamedMustBeThere(file: String, words: String) async throws {
        let error = await #expect(throws: CommandError.self) {
            try await PeerSettingsReader(
                flags: [:], environment: ["HOME": "/h"], workingDirectory: "/nowhere", file: file, isRoot: false
            ).load()
        }
        #expect(error?.text.contains(words) == true && error?.exitCode == 2, "\(error?.text ?? "")")
    }

    @Test func reloadTellsWhatNeedsARestart() async throws {
        let old = try await load(flags: [.listen: ["7000"], .uploadRate: ["1M"]])
        let new = try await load(flags: [.listen: ["7001"], .uploadRate: ["2M"], .site: ["s"]])
        #expect(old.unreloadable(in: new) == [.listen, .site])
        #expect(old.unreloadable(in: old) == [])
    }

    @Test func shareOfAFileSystemIsCounted() {
        #expect(CacheSize("25%")?.bytes(of: 1000) == 250)
        #expect(CacheSize("2K")?.bytes(of: 1000) == 2048)
        #expect(CacheSize("%") == nil && CacheSize("-1%") == nil && CacheSize("1.5%") == nil && CacheSize("0") == nil)
    }
}

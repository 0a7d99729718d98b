import MinionCommand
import Testing

@Suite struct SettingsFileTests {
    private let known = ["tracker", "cache-size", "cache-age", "seed", "upload-slots"]

    private func values(_ text: String) throws -> [String: SettingsFile.Value] {
        try SettingsFile(text, known: known).entries.mapValues(\.value)
    }

    @Test func everyFormOfAValueIsRead() throws {
        let values = try values(
            """
            # a comment
            tracker = [ "a:1", 'b\\c', # the last one
              "c\\t\\u00e4\\\\\\"",
            ]   # done
            cache-size = "100G"# close by
            	cache-age='30d'
            seed = true
            upload-slots=1_000
            """)
        #expect(values["tracker"] == .list(["a:1", "b\\c", "c\tä\\\""]))
        #expect(values["cache-size"] == .scalar("100G"))
        #expect(values["cache-age"] == .scalar("30d"))
        #expect(values["seed"] == .scalar("true"))
        #expect(values["upload-slots"] == .scalar("1000"))
    }

    @Test(arguments: ["", "\n\n", "# nothing", "\u{FEFF}# nothing\r\n", "tracker = []"])
    func emptyFilesAreFiles(text: String) throws {
        #expect(try values(text).values.allSatisfy { $0 == .list([]) })
    }

    @Test func windowsLineEndsAreLineEnds() throws {
        let file = try SettingsFile("seed = true\r\n\r\ncache-size = 5\r\n", known: known)
        #expect(file.entries["seed"]?.value == .scalar("true"))
        #expect(file.entries["cache-size"]?.value == .scalar("5"))
        #expect(file.entries["cache-size"]?.line == 3)
    }

    /// Each with the line and words of the fault.
    @Test(
        arguments: [
            ("cache-sise = 1", 1, "cache-size"), ("\ncache_size = 1", 2, "did you mean cache-size?"),
            ("CACHE-SIZE = 1", 1, "did you mean cache-size?"), ("zzz = 1", 1, "no setting 'zzz'"),
            ("seed = true\nseed = false", 2, "line 1"), ("[peer]\nseed = true", 1, "tables"), ("seed", 1, "'='"),
            ("= 1", 1, "key = value"), ("seed =", 1, "missing"), ("seed = yes", 1, "quotes"),
            ("cache-size = 100G", 1, "quotes"), ("cache-size = nan", 1, "quotes"), ("seed = \"a", 1, "no end"),
            ("seed = 'a\n'", 1, "no end"), ("seed = \"a\\q\"", 1, "\\q"), ("seed = \"\\u12\"", 1, "number"),
            ("seed = \"\\ud800\"", 1, "number"), ("seed = true false", 1, "line ends"),
            ("tracker = [\"a\"", 1, "]"), ("tracker = [\"a\"\n\"b\"]", 2, "commas"),
            ("tracker = [[\"a\"]]", 1, "quotes"), ("cache.size = 1", 1, "'='"), ("seed = { a = 1 }", 1, "quotes"),
        ] as [(String, Int, String)])
    func whatIsWrongIsNamedWithItsLine(text: String, line: Int, words: String) {
        let fault = #expect(throws: SettingsFile.Fault.self) { try SettingsFile(text, known: known) }
        #expect(fault?.line == line, "\(fault.debugDescription)")
        #expect(fault?.message.contains(words) == true, "\(fault.debugDescription)")
    }

    @Test(
        arguments: [
            ("cachesize", "cache-size"), ("cache-szie", "cache-size"), ("trackers", "tracker"), ("tracker_", "tracker"),
            ("uploadslots", "upload-slots"), ("zzzzzzzz", nil), ("", nil),
        ] as [(String, String?)])
    func nearestNameIsFound(word: String, nearest: String?) {
        #expect(Spelling.nearest(to: word, among: known) == nearest)
    }
}

import MinionCommand
import Testing

@Suite struct QuotedTests {
    @Test(arguments: [
        ("plain", "'plain'"), ("größe 你", "'größe 你'"), ("a\u{1B}[2Jb\n", "'a\\u{1b}[2Jb\\u{a}'"),
        ("a\u{202E}b", "'a\\u{202e}b'"),
        (String(repeating: "x", count: 300), "'" + String(repeating: "x", count: 200) + "…'"),
    ])
    func quotedTextCannotSteerATerminal(text: String, quoted: String) {
        #expect(text.quoted == quoted)
    }

    @Test func errorIsOneLineAndAHint() {
        #expect(CommandError("no\nway").text == "minion: no\\u{a}way\n")
        #expect(CommandError("no way", hint: "try another").text == "minion: no way\n  hint: try another\n")
    }
}

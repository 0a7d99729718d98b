import MinionCore
import Testing

@Suite struct PatternTests {
    @Test(arguments: [
        ("f.*", "foo", true), ("f.*", "bar", false), ("o", "foo", true), ("^o", "foo", false), ("o$", "foo", true),
        ("^foo$", "foo", true), ("", "anything", true), ("a|b", "xbx", true), ("^(a|b)$", "ab", false),
        ("(a|b)c", "xbc", true), ("a+b", "aaab", true), ("^a*$", "", true), ("a?b", "b", true), ("^a{2}$", "aa", true),
        ("^a{2}$", "aaa", false), ("^a{2,}$", "aaaa", true), ("^a{1,2}$", "aaa", false), ("a{", "xa{", true),
        ("a{x}", "a{x}", true), ("[a-c]+", "xxb", true), ("^[^a-c]+$", "abc", false), ("[]a]", "]", true),
        ("[a\\]]", "]", true), ("[a-]", "-", true), ("\\d+", "a1", true), ("^\\D+$", "a1", false),
        ("\\w\\W", "a-", true),
        ("\\s", "a b", true), ("\\bfoo\\b", "a foo b", true), ("\\bfoo\\b", "afoob", false), ("\\.", "a.b", true),
        ("a\\.b", "axb", false), ("(?i)FOO", "foo", true), ("(?i:F)oo", "foo", true), ("(?i:F)OO", "foo", false),
        ("FOO", "foo", false), ("(?P<name>o+)", "foo", true), ("(?<name>o+)", "foo", true), ("(?:o)", "foo", true),
        ("[[:alpha:]]", "1a", true), ("^[[:digit:]]+$", "12", true), ("\\x41", "A", true), ("\\x{1F600}", "😀", true),
        ("^.$", "é", true), ("^.$", "\n", false), ("(?s)^.$", "\n", true), ("(?m)^b$", "a\nb", true),
        ("^b$", "a\nb", false),
        ("a*?b", "aab", true), ("\\Aa", "ba", false), ("a\\z", "ab", false), ("\\Qa.b\\E", "a.b", true),
        ("\\Qa.b\\E", "axb", false), ("(?i)straße", "STRAßE", true),
        ("node-[0-9]{2,3}\\.example", "node-123.example.com", true),
        ("^\\pL+$", "aéЖ", true), ("\\pL", "12", false), ("^\\p{Lu}\\p{Ll}+$", "Жук", true), ("^\\PL$", "7", true),
        ("^\\p{^Lu}$", "a", true), ("^[\\p{Nd}x]+$", "٣x3", true), ("^\\p{Zs}$", "\u{a0}", true),
        ("(a*)*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false),
    ])
    func patternsMatch(_ pattern: String, _ text: String, _ isFound: Bool) throws {
        #expect(try #require(Pattern(pattern)).isFound(in: text) == isFound)
    }

    @Test(arguments: [
        "(", ")", "(a", "a)", "[", "[a", "*", "+a", "?", "a**", "a++", "\\", "[b-a]", "a{2,1}", "a{1001}", "(?=a)",
        "(?<=a)",
        "(?!a)", "\\1", "\\k", "[[:nope:]]", "\\x4", "(?z)", "(?P<a", "\\p", "\\pX", "\\p{Greek}", "\\p{", "\\p{}",
        "a{1000}{1000}",
    ])
    func otherTextIsNoPattern(_ text: String) {
        #expect(!Pattern.isValid(text))
    }

    @Test func longTextAndDeepNestingAreNoPattern() {
        #expect(!Pattern.isValid(String(repeating: "a", count: 1025)))
        #expect(!Pattern.isValid(String(repeating: "(", count: 100) + String(repeating: ")", count: 100)))
        #expect(!Pattern.isValid("((((((a{0}){1000}){1000}){1000}){1000}){1000})"))
    }

    /// Such expressions take for ever elsewhere.
    @Test(.timeLimit(.minutes(1)))
    func timeGrowsWithTheLengthsOnly() throws {
        let text = String(repeating: "a", count: 20_000)
        for pattern in ["(a+)+$x", "(a|aa)+$x", "(.*)(.*)(.*)(.*)x$", "(a?){50}a{50}x"] {
            #expect(try #require(Pattern(pattern)).isFound(in: text) == false)
        }
    }
}

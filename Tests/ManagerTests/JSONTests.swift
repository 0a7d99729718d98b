import Manager
import Testing

@Suite struct JSONTests {
    @Test(
        arguments: [
            ("null", JSONValue.null), (" true ", true), ("-12", -12), ("0", 0), ("9223372036854775807", .integer(.max)),
            ("1.5", .number(1.5)), ("1e2", .number(100)), ("\"a\\u0041\\n\\\"\"", "aA\n\""),
            ("\"\\ud83d\\ude00\"", "😀"),
            ("[]", []), ("[1,[2]]", [1, [2]]), ("{}", [:]), ("{\"a\":{\"b\":[true]}}", ["a": ["b": [true]]]),
            ("18446744073709551616", .number(18_446_744_073_709_551_616)),
        ] as [(String, JSONValue)])
    func valuesAreRead(_ text: String, _ value: JSONValue) throws {
        #expect(try JSONParser.parse(text) == value)
    }

    @Test(arguments: [
        "", " ", "nul", "truex", "01", "1.", ".5", "-", "1e", "1e999", "+1", "'a'", "\"a", "\"\\x\"", "\"\\u12\"",
        "\"\\u0000\"",
        "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"a\nb\"", "[1,]", "[1 2]", "[", "{", "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}", "{a:1}", "1 2", "{}x", "\u{feff}{}",
    ])
    func otherTextIsRefused(_ text: String) {
        #expect(throws: JSONError.self) { try JSONParser.parse(text) }
    }

    @Test func textThatIsNotUTF8IsRefused() {
        for bytes: [UInt8] in [[34, 0xff, 34], [34, 0xc0, 0x80, 34], [34, 92, 110, 0xed, 0xa0, 0x80, 34]] {
            #expect(throws: JSONError.self) { try bytes.withUnsafeBytes { try JSONParser.parse($0) } }
        }
    }

    @Test func nestingHasALimit() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(try JSONParser.parse(nested(JSONParser.depth)).array != nil)
        #expect(throws: JSONError.self) { try JSONParser.parse(nested(JSONParser.depth + 2)) }
        #expect(throws: JSONError.self) { try JSONParser.parse(String(repeating: "[", count: 1_000_000)) }
        #expect(throws: JSONError.self) { try JSONParser.parse(String(repeating: "{\"a\":", count: 1_000_000)) }
    }

    @Test func emptyTextIsToldAsSuch() {
        #expect(throws: JSONError(message: "EOF")) { try JSONParser.parse("") }
    }

    @Test func whatIsWrittenCanBeReadAgain() throws {
        let value: JSONValue = [
            "text": "a\"b\\c\n\u{1}\u{7f}é😀", "numbers": [0, -1, .integer(.min), .number(1.5e300)], "nothing": nil,
            "truth": [true, false], "empty": [[], [:]],
        ]
        #expect(try JSONParser.parse(value.text) == value)
    }

    @Test func theLastMemberOfANameCounts() throws {
        #expect(try JSONParser.parse("{\"a\":1,\"a\":2}").object?["a"] == 2)
    }

    @Test func wholeNumbersMayHaveAFractionOfZero() throws {
        #expect(try JSONParser.parse("4.0").integer == 4)
        #expect(try JSONParser.parse("4.5").integer == nil)
        #expect(try JSONParser.parse("1e19").integer == nil)
    }
}

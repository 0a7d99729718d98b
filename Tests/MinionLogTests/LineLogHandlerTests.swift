import Logging
import MinionLog
import Synchronization
import Testing

struct LineLogHandlerTests {
    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }

    private func log(_ format: LineLogHandler.Format, level: Logger.Level = .info, _ body: (inout Logger) -> Void)
        -> [String]
    {
        let lines = Lines()
        var logger = Logger(label: "test") { label in
            LineLogHandler(label: label, level: level, format: format) { bytes in
                lines.all.withLock { $0.append(String(decoding: bytes, as: UTF8.self)) }
            }
        }
        body(&logger)
        return lines.all.withLock { $0 }
    }

    /// The line behind its time.
    private func rest(_ line: String) -> String { String(line.drop { $0 != "Z" }.dropFirst()) }

    @Test func logfmtQuotesWhatNeedsIt() throws {
        let lines = log(.logfmt) { logger in
            logger[metadataKey: "b"] = "two words"
            logger.info("hello there", metadata: ["a": "plain", "c": "x=\"1\"", "d": "", "e f": "ü"])
        }
        let line = try #require(lines.first)
        #expect(line.hasPrefix("time=20"))
        #expect(
            rest(line.replacingOccurrence(of: "\"", with: "'"))
                == " level=info label=test msg='hello there' a=plain b='two words' c='x=\\'1\\'' d='' e_f=ü\n")
    }

    @Test func jsonIsOneObjectALine() throws {
        let lines = log(.json) { $0.warning("a \"b\"\n", metadata: ["k": "\u{1}\u{7f}\\"]) }
        #expect(lines.count == 1)
        #expect(
            rest(try #require(lines.first))
                == #"","level":"warning","label":"test","msg":"a \"b\"\n","k":"\u0001\u007f\\"}"# + "\n")
    }

    @Test(arguments: LineLogHandler.Format.allCases)
    func hostileValueStaysOnItsLine(format: LineLogHandler.Format) {
        let lines = log(format) { $0.info("m", metadata: ["k": "a\nlevel=error\r\u{85}msg=forged"]) }
        #expect(lines.count == 1)
        #expect(lines[0].utf8.count { $0 == UInt8(ascii: "\n") } == 1)
        #expect(!lines[0].utf8.contains(UInt8(ascii: "\r")))
    }

    @Test func longValueIsCut() {
        let lines = log(.logfmt) { $0.info("m", metadata: ["k": "\(String(repeating: "x", count: 100_000))"]) }
        #expect(lines[0].utf8.count < LineLogHandler.maximumValueLength + 200)
    }

    @Test func levelDecidesWhatIsWritten() {
        let lines = log(.logfmt, level: .warning) { logger in
            logger.info("no")
            logger.error("yes")
        }
        #expect(lines.count == 1)
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (1_763_696_344_783, "2025-11-21T03:39:04.783Z"),
            (951_782_399_001, "2000-02-28T23:59:59.001Z"), (-1, "1969-12-31T23:59:59.999Z"),
        ] as [(Int64, String)])
    func timeIsInUTC(milliseconds: Int64, text: String) {
        #expect(Timestamp(milliseconds: milliseconds).description == text)
    }
}

extension String {
    fileprivate func replacingOccurrence(of character: Character, with other: Character) -> String {
        String(map { $0 == character ? other : $0 })
    }
}

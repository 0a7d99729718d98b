import ManagerStore
import Testing

@Suite struct TimestampTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2026-11-21T03:39:04.783Z", 1_795_232_344_783_000),
        ("0001-01-01T00:00:00Z", Timestamp.unset.microseconds), ("1969-12-31T23:59:59.999999Z", -1),
        ("2024-02-29T12:00:00Z", 1_709_208_000_000_000), ("9999-12-31T23:59:59Z", 253_402_300_799_000_000),
        ("1600-02-29T00:00:00Z", -11_670_998_400_000_000),
    ])
    func isWrittenAndRead(_ text: String, _ microseconds: Int64) {
        #expect(Timestamp(rfc3339: text)?.microseconds == microseconds)
        #expect(Timestamp(microseconds: microseconds).rfc3339 == text)
    }

    @Test(arguments: [
        ("2023-11-09T15:09:06.123+08:00", "2023-11-09T07:09:06.123Z"),
        ("2023-11-09t07:09:06z", "2023-11-09T07:09:06Z"), ("2023-11-09T07:09:06-00:30", "2023-11-09T07:39:06Z"),
        ("2023-11-09T07:09:06.1234567890Z", "2023-11-09T07:09:06.123456Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"), ("2023-11-09T07:09:06.500Z", "2023-11-09T07:09:06.5Z"),
    ])
    func otherFormsAreRead(_ text: String, _ normal: String) {
        #expect(Timestamp(rfc3339: text)?.rfc3339 == normal)
    }

    @Test(arguments: [
        "", "2023", "2023-11-09", "2023-11-09T07:09:06", "2023-11-09 07:09:06Z", "2023-13-09T07:09:06Z",
        "2023-02-29T07:09:06Z", "1900-02-29T00:00:00Z", "2023-11-09T24:00:00Z", "2023-11-09T07:60:06Z",
        "2023-11-09T07:09:61Z", "2023-11-09T07:09:06.Z", "2023-11-09T07:09:06+8:00", "2023-11-09T07:09:06+24:00",
        "2023-11-09T07:09:06Zx", "0000-01-01T00:00:00Z", "-001-01-01T00:00:00Z", "２０２３-11-09T07:09:06Z",
    ])
    func othersAreNot(_ text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test func everyDayIsReadAsItIsWritten() {
        var days = 0
        for day in stride(from: Int64(-719_162), to: 2_932_896, by: 1) {
            let time = Timestamp(microseconds: day * 86_400_000_000 + 1)
            if Timestamp(rfc3339: time.rfc3339) == time { days += 1 }
        }
        #expect(days == 2_932_896 + 719_162)
    }

    @Test func calculatesWithoutOverflow() {
        let time = Timestamp(microseconds: 1_000_000)
        #expect(time.advanced(by: .milliseconds(-1500)).microseconds == -500_000)
        #expect(Timestamp(microseconds: .max).advanced(by: .seconds(1)).microseconds == .max)
        #expect(Timestamp(microseconds: .min).advanced(by: .seconds(-1)).microseconds == .min)
        #expect(time.advanced(by: .seconds(Int64.max)).microseconds == .max)
        #expect(Timestamp(seconds: 1e300).microseconds == .max && Timestamp(seconds: -1e300).microseconds == .min)
        #expect(Timestamp(seconds: 0.5).duration(since: Timestamp(seconds: -1)) == .milliseconds(1500))
        // No number, no time: neither traps.
        _ = Timestamp(seconds: .nan)
        _ = Timestamp(microseconds: .max).duration(since: Timestamp(microseconds: .min))
    }
}

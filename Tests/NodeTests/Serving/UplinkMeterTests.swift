import MinionCore
import Node
import Testing

@Suite("uplink meter")
struct UplinkMeterTests {
    private func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

    @Test func nothingIsKnownBeforeAFullMeasurement() {
        var meter = UplinkMeter()
        meter.began(at: at(0))
        meter.delivered(1000, at: at(199))
        #expect(meter.bytesPerSecond == nil)
        meter.delivered(1000, at: at(200))
        #expect(meter.bytesPerSecond == 10_000)
    }

    @Test func idleTimeDoesNotCount() {
        var meter = UplinkMeter()
        for round: Int64 in 0..<4 {
            meter.began(at: at(round * 10_000))
            meter.delivered(500, at: at(round * 10_000 + 50))
            meter.ended(at: at(round * 10_000 + 50))
        }
        #expect(meter.bytesPerSecond == 10_000)
    }

    @Test func bodiesThatOverlapShareTheTime() {
        var meter = UplinkMeter()
        meter.began(at: at(0))
        meter.began(at: at(100))
        meter.delivered(1000, at: at(150))
        meter.ended(at: at(150))
        meter.delivered(1000, at: at(200))
        #expect(meter.bytesPerSecond == 10_000)
    }

    private func rate(after bytes: Int64, bodies: Int) throws -> Double {
        var meter = UplinkMeter()
        for _ in 0..<bodies { meter.began(at: at(0)) }
        meter.delivered(2000, at: at(200))
        meter.delivered(bytes, at: at(400))
        return try #require(meter.bytesPerSecond)
    }

    @Test func itRisesFasterThanItFalls() throws {
        #expect(try abs(rate(after: 4000, bodies: 4) - 15_000) < 0.001)
        #expect(try abs(rate(after: 0, bodies: 4) - 8_000) < 0.001)
    }

    @Test(arguments: [1, 3]) func fewReceiversDoNotMakeItFall(bodies: Int) throws {
        #expect(try rate(after: 4000, bodies: bodies) == 15_000)
        #expect(try rate(after: 0, bodies: bodies) == 10_000)
    }

    @Test func itFallsOnlyIfManyBodiesWereOnTheirWayAllTheTime() throws {
        var meter = UplinkMeter()
        for _ in 0..<4 { meter.began(at: at(0)) }
        meter.delivered(2000, at: at(200))
        meter.ended(at: at(250))
        meter.began(at: at(260))
        meter.delivered(0, at: at(400))
        #expect(meter.bytesPerSecond == 10_000)
    }

    @Test func theRecentRateForgets() {
        var meter = UplinkMeter()
        meter.began(at: at(0))
        for tick: Int64 in 1...100 { meter.delivered(100, at: at(tick * 10)) }
        let busy = meter.recentRate(at: at(1000))
        #expect(busy > 9000 && busy < 11_000)
        #expect(meter.recentRate(at: at(3000)) == 0)
    }

    @Test(arguments: [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
        (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"), (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ])
    func datesAreThoseOfHTTP(date: (Int64, String)) {
        #expect(ServingDate.text(date.0) == date.1)
    }

    @Test(arguments: [-1, 253_402_300_800, .max, .min]) func otherDatesAreNone(seconds: Int64) {
        #expect(ServingDate.text(seconds) == nil)
    }
}

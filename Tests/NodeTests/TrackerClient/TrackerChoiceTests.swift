import MinionCore
import Node
import Testing

@Suite struct TrackerChoiceTests {
    private func at(_ seconds: Double) -> Instant { .zero + .inSeconds(seconds) }

    @Test func preferenceIsTheOrder() {
        let choice = TrackerChoice(count: 3)
        #expect(choice.order(at: at(0)) == [0, 1, 2])
        #expect(choice.current == nil)
    }

    @Test func failedTrackerIsAskedLastUntilItsPauseIsOver() {
        var choice = TrackerChoice(count: 3)
        choice.failed(0, at: at(10))
        choice.worked(1)
        #expect(choice.current == 1)
        #expect(choice.order(at: at(10.9)) == [1, 2, 0])
        #expect(choice.order(at: at(11)) == [0, 1, 2])
    }

    @Test func pauseDoublesUpToHalfAMinute() {
        var choice = TrackerChoice(count: 2)
        var now = 0.0
        for pause in [1.0, 2, 4, 8, 16, 30, 30, 30] {
            choice.failed(0, at: at(now))
            #expect(choice.order(at: at(now + pause - 0.1)) == [1, 0])
            #expect(choice.order(at: at(now + pause)) == [0, 1])
            now += pause
        }
        choice.worked(0)
        choice.failed(0, at: at(now))
        #expect(choice.order(at: at(now + 1)) == [0, 1])
    }

    @Test func ifAllHaveFailedTheSoonestDueIsFirst() {
        var choice = TrackerChoice(count: 3)
        choice.failed(0, at: at(5))
        choice.failed(1, at: at(4))
        choice.failed(2, at: at(4.5))
        #expect(choice.order(at: at(5)) == [1, 2, 0])
    }

    @Test func trackerThatFailsIsNoLongerTheCurrentOne() {
        var choice = TrackerChoice(count: 2)
        choice.worked(0)
        choice.failed(0, at: at(1))
        #expect(choice.current == nil)
    }
}

import MinionCore
import NIOCore
import NIOPosix
import Scheduler
import Swarm
import Testing
import Wire

/// Whether this machine can listen on IPv6.
let hasIPv6: Bool = {
    guard
        let channel = try? ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton).bind(host: "::", port: 0)
            .wait()
    else { return false }
    try? channel.close().wait()
    return true
}()

@Suite(.timeLimit(.minutes(1)))
struct LifecycleTests {
    private let task = makeTask()

    private func heldReport() throws -> PeerReport {
        let layout = try #require(PieceLayout(size: 4 << 18, pieceSize: 1 << 18))
        var report = joining()
        report.version = TaskVersion(validator: "v", layout: layout)
        report.have = "0f"
        report.waitSeconds = 9
        return report
    }

    @Test func stopAnswersHeldReportsAtOnce() async throws {
        let held = try heldReport()
        let time = try await ContinuousClock().measure {
            try await withScheduler { [task] scheduler in
                _ = try await scheduler.report(joining(), from: PeerID(1), task: task)
                async let reply = scheduler.report(held, from: PeerID(1), task: task)
                // The task has a size as soon as the report with its version has come.
                while try await !scheduler.request("GET", "/v1/tasks/\(task)").text.contains("\"size\"") {
                    try await Task.sleep(for: .milliseconds(2))
                }
                await scheduler.stop()
                #expect(try await reply.nextReportSeconds > 0)
            }
        }
        #expect(time < .seconds(10))
    }

    @Test func stopDoesNotWaitForAClientThatNeverFinishes() async throws {
        let time = try await ContinuousClock().measure {
            try await withScheduler { scheduler in
                let connection = try await RawConnection.open(to: scheduler.endpoint)
                async let answer = connection.exchange(
                    "POST /peer/ HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
                try await Task.sleep(for: .milliseconds(100))
                await scheduler.stop()
                // Whether it is cut off before or after its request has arrived does not matter.
                _ = try? await answer
                #expect(try await scheduler.log.waits(for: "scheduler stopped"))
            }
        }
        #expect(time < .seconds(10))
    }

    @Test func stoppedSchedulerTakesNoMoreConnections() async throws {
        let endpoint = try await withScheduler { $0.endpoint }
        await #expect(throws: (any Error).self) { try await RawConnection.open(to: endpoint) }
    }

    @Test func severalAddressesAreServed() async throws {
        try await withScheduler(listen: Array(repeating: Endpoint(host: "127.0.0.1", port: 0), count: 2)) { scheduler in
            #expect(Set(scheduler.endpoints.map(\.port)).count == 2)
            _ = try await scheduler.report(joining(), from: PeerID(1), task: makeTask())
            #expect(try await scheduler.request("GET", TaskPath.task(makeTask()).text, on: 1).status == 200)
        }
    }

    @Test func addressInUseIsExplained() async throws {
        try await withScheduler { scheduler in
            let error = await #expect(throws: SchedulerError.self) {
                try await withScheduler(listen: [scheduler.endpoint]) { _ in }
            }
            #expect(error?.message.contains("cannot listen on \(scheduler.endpoint)") == true)
            #expect(error?.message.contains("in use") == true)
        }
    }

    @Test func proofsOutliveARestart() async throws {
        try await withTemporaryDirectory { directory in
            let keys = try await [0, 1].asyncMap { _ in
                try await withScheduler(configured { $0.dataDirectory = directory + "/data" }) { scheduler in
                    try await scheduler.report(joining(), from: PeerID(1), task: makeTask()).key
                }
            }
            #expect(keys[0] != nil)
            #expect(keys[0] == keys[1])
        }
    }
}

extension Array {
    fileprivate func asyncMap<Value>(_ transform: (Element) async throws -> Value) async rethrows -> [Value] {
        var result: [Value] = []
        for element in self { result.append(try await transform(element)) }
        return result
    }
}

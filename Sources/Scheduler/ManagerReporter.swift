import Fleet
import Logging
import MinionCore

/// Tells a scheduler's manager once in each interval, and at once when something happens, how things are, and has done
/// what it answers.
struct ManagerReporter: Sendable {
    /// How often is looked whether something has happened.
    private static let tick = Duration.milliseconds(50)
    /// Reports are no closer to each other than this.
    private static let gap = Duration.milliseconds(150)
    /// How long a scheduler that is not wanted waits until it asks again.
    private static let refusedInterval = Duration.seconds(1)

    let driver: HostDriver
    let link: any ManagerLink
    let interval: Duration
    let logger: Logger

    /// Runs until the driver is stopped, which is told, or the task is cancelled, which is not.
    func run() async {
        var last: Instant?
        var pause = interval
        var problem: String?
        while !Task.isCancelled {
            let isLast = driver.isStopped
            let gone = last.map { driver.now - $0 } ?? pause
            if isLast || gone >= pause || gone >= Self.gap && pause == interval && driver.isUrgent {
                last = driver.now
                let now = await report()
                if now != problem { note(now, after: problem) }
                problem = now
                pause = driver.refusal == nil ? interval : max(interval, Self.refusedInterval)
            }
            if isLast { break }
            try? await Task.sleep(for: Self.tick)
        }
        await link.close()
    }

    /// What is wrong; nil if nothing is.
    private func report() async -> String? {
        guard let outgoing = driver.makeReport() else { return nil }
        do {
            let reply = try await link.send(outgoing.report)
            driver.receive(reply, to: outgoing)
            return reply.refusal
        } catch {
            if !Task.isCancelled { driver.noteFailure() }
            return "\(error)"
        }
    }

    private func note(_ problem: String?, after before: String?) {
        if let problem {
            logger.warning("manager does not take this scheduler", metadata: ["reason": "\(problem)"])
        } else if before != nil {
            logger.info("manager takes this scheduler again")
        }
    }
}

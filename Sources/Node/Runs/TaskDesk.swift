import MinionCore
import Swarm
import Synchronization

/// Which runs there are: of each task at most one that listeners can join, and one whose content is complete and that
/// only serves. While a task is asked for anew, because the content may have changed at the source, there are both.
final class TaskDesk: Sendable {
    private struct Place {
        var active: TaskRun?
        var serving: TaskRun?
    }

    private struct State {
        var places: [TaskID: Place] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())

    enum Seat {
        /// The listener is told by a run from now on.
        case taken
        /// The last run is just being ended; try again when it has settled.
        case busy(TaskRun)
        /// There is no run.
        case none
        case closed
    }

    /// Joins the run that is under way.
    func join(_ listener: DownloadListener) -> Seat {
        state.withLock { state in
            guard !state.isClosed else { return .closed }
            guard let active = state.places[listener.task]?.active else { return .none }
            return active.join(listener) ? .taken : .busy(active)
        }
    }

    /// Enters a new run that the listener joins; false if there is one by now, or if the node is ending.
    func begin(_ run: TaskRun, for listener: DownloadListener) -> Bool {
        state.withLock { state in
            guard !state.isClosed, state.places[run.task]?.active == nil, run.join(listener) else { return false }
            state.places[run.task, default: Place()].active = run
            return true
        }
    }

    enum Serving {
        case begun
        /// The task is just being downloaded.
        case busy
        case closed
    }

    /// Enters a run that only serves, in the place of an earlier one; its listener, if it has one, joins it.
    func serve(_ run: TaskRun, for listener: DownloadListener? = nil) -> Serving {
        let (answer, old) = state.withLock { state -> (Serving, TaskRun?) in
            guard !state.isClosed else { return (.closed, nil) }
            guard state.places[run.task]?.active == nil else { return (.busy, nil) }
            if let listener { _ = run.join(listener) }
            let old = state.places[run.task]?.serving
            state.places[run.task, default: Place()].serving = run
            return (.begun, old)
        }
        old?.stop(removingFile: false)
        return answer
    }

    /// The run's content is on the shelf: whoever served the task until now has nothing left to do.
    func opened(_ run: TaskRun) {
        let old = state.withLock { state -> TaskRun? in
            guard let old = state.places[run.task]?.serving, old !== run else { return nil }
            state.places[run.task]?.serving = nil
            return old
        }
        old?.stop(removingFile: false)
    }

    /// The run takes no more listeners. If it `serves`, it goes on to serve in the place of an earlier one.
    func settled(_ run: TaskRun, serves: Bool) {
        state.withLock { state in
            guard state.places[run.task]?.active === run else { return }
            state.places[run.task]?.active = nil
            if serves { state.places[run.task]?.serving = run }
            Self.tidy(run.task, &state)
        }
    }

    func ended(_ run: TaskRun) {
        state.withLock { state in
            if state.places[run.task]?.active === run { state.places[run.task]?.active = nil }
            if state.places[run.task]?.serving === run { state.places[run.task]?.serving = nil }
            Self.tidy(run.task, &state)
        }
    }

    private static func tidy(_ task: TaskID, _ state: inout State) {
        if let place = state.places[task], place.active == nil, place.serving == nil { state.places[task] = nil }
    }

    // MARK: Views

    /// Passes on that somebody has introduced itself to the piece server.
    func introduce(_ info: NeighbourInfo, to task: TaskID) {
        state.withLock { $0.places[task]?.active }?.introduce(info)
    }

    /// The run that serves the task and does nothing else.
    func serving(_ task: TaskID) -> TaskRun? { state.withLock { $0.places[task]?.serving } }

    /// All runs that do nothing but serve.
    var serving: [TaskRun] { state.withLock { $0.places.values.compactMap(\.serving) } }

    var runs: [TaskRun] {
        state.withLock { $0.places.values.flatMap { [$0.active, $0.serving].compactMap(\.self) } }
    }

    /// Takes no more runs, and returns those that there are.
    func close() -> [TaskRun] {
        state.withLock { $0.isClosed = true }
        return runs
    }
}

package import MinionCore
import Synchronization

/// The tasks that a node serves.
package final class Shelf: Sendable {
    private struct State {
        var byID: [TaskID: ServedTask] = [:]
        /// Tasks of one resource that differ in tag or application; old clients get the one that came last.
        var byResource: [String: [ServedTask]] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    /// Serves `task` from now on, in the place of one with the same id.
    package func add(_ task: ServedTask) {
        let old = state.withLock { state in
            let old = state.byID[task.id].flatMap { $0 === task ? nil : $0 }
            if let old { Self.forget(old, &state) }
            if state.byID.updateValue(task, forKey: task.id) == nil, !task.resource.isEmpty {
                state.byResource[task.resource, default: []].append(task)
            }
            return old
        }
        old?.withdrawAll()
    }

    /// Stops serving `task`: its news streams end, and later requests are answered with 404. Bodies under way go on.
    package func remove(_ task: ServedTask) {
        state.withLock { Self.forget(task, &$0) }
        task.withdrawAll()
    }

    package func remove(_ id: TaskID) {
        if let task = find(id) { remove(task) }
    }

    package func find(_ id: TaskID) -> ServedTask? { state.withLock { $0.byID[id] } }

    /// The task that old clients know by this name: a URL without its ignored parameters.
    package func find(resource: String) -> ServedTask? {
        state.withLock { state in
            state.byResource[resource]?.last
                ?? state.byResource[TaskIdentity.resource(url: resource, ignoring: [])]?.last
        }
    }

    /// All tasks, in the order of their ids.
    package var tasks: [ServedTask] {
        state.withLock { Array($0.byID.values) }.sorted { $0.id.hex < $1.id.hex }
    }

    private static func forget(_ task: ServedTask, _ state: inout State) {
        guard state.byID[task.id] === task else { return }
        state.byID[task.id] = nil
        guard var tasks = state.byResource[task.resource] else { return }
        tasks.removeAll { $0 === task }
        state.byResource[task.resource] = tasks.isEmpty ? nil : tasks
    }
}

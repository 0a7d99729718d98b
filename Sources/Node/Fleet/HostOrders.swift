import Fleet
import MinionCore
import Synchronization

/// What schedulers have ordered this host to do, and how far it is. An order that several of them give is carried out once;
/// its result stays until none of them repeats it.
final class HostOrders: Sendable {
    /// Carries out an order: tells how far it is, and ends with the result. Cancelled when the order is withdrawn.
    typealias Worker = @Sendable (HostOrder, _ tell: @escaping @Sendable (OrderProgress) -> Void) async -> OrderProgress

    private struct Entry {
        let order: HostOrder
        var progress: OrderProgress
        /// The schedulers that gave it.
        var givers: Set<String>
        var task: Task<Void, Never>?
        /// Since when none of those that gave it is there any more.
        var orphanedAt: Instant?

        var hasEnded: Bool { progress.state != .running }
    }

    private struct State {
        var entries: [String: Entry] = [:]
        /// Ids of orders that wait for their turn, in the order in which they came.
        var waiting: [String] = []
        var running = 0
        var isClosed = false
    }

    /// Orders that are carried out at a time. The rest waits: each has connections, and memory for pieces under way.
    static let limit = 32
    /// Orders that one scheduler may have given at a time; more are left for later.
    static let most = 4096

    private let worker: Worker
    private let whenEnded: @Sendable () -> Void
    private let orphanAge: Duration
    private let state = Mutex(State())

    /// `whenEnded` is called when an order has ended whose result schedulers wait for.
    init(orphanAge: Duration, worker: @escaping Worker, whenEnded: @escaping @Sendable () -> Void) {
        self.orphanAge = orphanAge
        self.worker = worker
        self.whenEnded = whenEnded
    }

    /// Whether anything is under way.
    var isBusy: Bool { state.withLock { $0.running > 0 || !$0.waiting.isEmpty } }

    /// Of all that `scheduler` gave.
    func progress(for scheduler: String) -> [OrderProgress] {
        state.withLock { state in
            guard !state.entries.isEmpty else { return [] }
            return state.entries.values.filter { $0.givers.contains(scheduler) }.map(\.progress)
                .sorted { $0.id < $1.id }
        }
    }

    /// Takes what a scheduler's answer says: begins what is new, and withdraws what is not there any more.
    func receive(_ orders: [HostOrder], from scheduler: String) {
        let now = SteadyClock.now
        let dropped = state.withLock { state -> [Task<Void, Never>] in
            guard !state.isClosed, !(orders.isEmpty && state.entries.isEmpty) else { return [] }
            let orders = orders.prefix(Self.most)
            for order in orders {
                if state.entries[order.id] != nil {
                    state.entries[order.id]?.givers.insert(scheduler)
                    state.entries[order.id]?.orphanedAt = nil
                } else {
                    state.entries[order.id] = Entry(
                        order: order, progress: OrderProgress(id: order.id, state: .running), givers: [scheduler])
                    state.waiting.append(order.id)
                }
            }
            let named = Set(orders.map(\.id))
            for (id, entry) in state.entries where entry.givers.contains(scheduler) && !named.contains(id) {
                state.entries[id]?.givers.remove(scheduler)
            }
            begin(&state)
            return Self.drop(&state) { isLost($0, now) }
        }
        for task in dropped { task.cancel() }
    }

    /// Only these schedulers are there at present. Others may go on with what the others gave, so that stays for a while.
    func keep(only present: Set<String>) {
        let now = SteadyClock.now
        let dropped = state.withLock { state -> [Task<Void, Never>] in
            guard !state.entries.isEmpty else { return [] }
            for (id, entry) in state.entries {
                let left = entry.givers.intersection(present)
                guard left.count < entry.givers.count else { continue }
                state.entries[id]?.givers = left
                if left.isEmpty { state.entries[id]?.orphanedAt = now }
            }
            return Self.drop(&state) { isLost($0, now) }
        }
        for task in dropped { task.cancel() }
    }

    /// Whether nobody wants it any more: withdrawn by all, or without anybody who could repeat it for too long.
    private func isLost(_ entry: Entry, _ now: Instant) -> Bool {
        entry.givers.isEmpty && entry.orphanedAt.map { now - $0 >= orphanAge } ?? true
    }

    /// Withdraws everything, and returns when nothing of it runs.
    func close() async {
        let tasks = state.withLock { state in
            state.isClosed = true
            state.waiting = []
            return state.entries.values.compactMap(\.task)
        }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }

    private static func drop(_ state: inout State, where condition: (Entry) -> Bool) -> [Task<Void, Never>] {
        let dropped = state.entries.filter { condition($0.value) }
        guard !dropped.isEmpty else { return [] }
        for id in dropped.keys { state.entries[id] = nil }
        state.waiting.removeAll { dropped[$0] != nil }
        return dropped.values.compactMap { $0.hasEnded ? nil : $0.task }
    }

    private func begin(_ state: inout State) {
        while state.running < Self.limit, !state.waiting.isEmpty, !state.isClosed {
            let id = state.waiting.removeFirst()
            guard let order = state.entries[id]?.order else { continue }
            state.running += 1
            state.entries[id]?.task = Task { await carryOut(order) }
        }
    }

    private func carryOut(_ order: HostOrder) async {
        let result = await worker(order) { [weak self] progress in
            self?.state.withLock { state in
                guard state.entries[order.id]?.hasEnded == false else { return }
                state.entries[order.id]?.progress = progress
            }
        }
        let isWanted = state.withLock { state in
            state.running -= 1
            begin(&state)
            guard state.entries[order.id] != nil, !Task.isCancelled else { return false }
            state.entries[order.id]?.progress = result
            return true
        }
        if isWanted { whenEnded() }
    }
}

import NIOCore
import Synchronization

/// The open connections of a piece server: how many there are, and how they end.
final class ServingConnections: Sendable {
    /// Asks a connection to finish what it does and close.
    struct DrainEvent: Sendable {}

    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var isDraining = false
        var whenEmpty: EventLoopPromise<Void>?
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = limit }

    var count: Int { state.withLock { $0.channels.count } }
    var isDraining: Bool { state.withLock { $0.isDraining } }

    /// Whether there is room for the connection.
    func add(_ channel: any Channel) -> Bool {
        state.withLock { state in
            guard state.channels.count < limit, !state.isDraining else { return false }
            state.channels[ObjectIdentifier(channel)] = channel
            return true
        }
    }

    func remove(_ channel: any Channel) {
        let promise = state.withLock { state in
            state.channels[ObjectIdentifier(channel)] = nil
            return state.channels.isEmpty ? state.whenEmpty.take() : nil
        }
        promise?.succeed()
    }

    /// Lets all connections finish what they do. Those that have not after `grace` are cut off.
    func drain(grace: Duration, on loop: any EventLoop) async throws {
        let promise = loop.makePromise(of: Void.self)
        let channels = state.withLock { state in
            state.isDraining = true
            if !state.channels.isEmpty { state.whenEmpty = promise }
            return Array(state.channels.values)
        }
        if channels.isEmpty { promise.succeed() }
        for channel in channels { channel.pipeline.fireUserInboundEventTriggered(DrainEvent()) }
        let timer = loop.scheduleTask(in: TimeAmount(grace)) { [self] in
            for channel in state.withLock({ Array($0.channels.values) }) { channel.close(promise: nil) }
        }
        try await promise.futureResult.get()
        timer.cancel()
    }
}

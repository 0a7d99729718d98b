import MinionCore
import PieceStore
import Synchronization

/// Who may write where in a task's file.
///
/// The same piece may be on its way from two neighbours. The first to ask writes as it receives; the second keeps what
/// it receives in memory. Once the piece of either is verified, nobody writes there any more: a slow, wrong answer can
/// not spoil what is already offered to others.
final class PieceSlots: Sendable {
    final class Slot: Sendable {
        fileprivate struct State {
            var owner: UInt64?
            var isSealed = false
        }

        fileprivate let state = Mutex(State())

        /// Writes if `token` still owns the slot.
        func write(_ token: UInt64, _ body: () throws -> Void) rethrows {
            // The lock is held while writing so that nobody seals in between; only writers of one piece share it.
            try state.withLock { state in
                guard state.owner == token, !state.isSealed else { return }
                try body()
            }
        }

        func release(_ token: UInt64) {
            state.withLock { if $0.owner == token { $0.owner = nil } }
        }
    }

    private struct Table {
        var sealed: PieceSet
        var slots: [PieceIndex: Slot] = [:]
        var nextToken: UInt64 = 1
        var isClosed = false
    }

    private let table: Mutex<Table>

    init(sealed: PieceSet) { table = Mutex(Table(sealed: sealed)) }

    /// A slot for a piece, a token to write with, and whether it may be written to at once; nil if the piece is there.
    func claim(_ piece: PieceIndex) -> (slot: Slot, token: UInt64, isOwner: Bool)? {
        table.withLock { table in
            guard !table.isClosed, !table.sealed.contains(piece) else { return nil }
            let slot = table.slots[piece] ?? Slot()
            table.slots[piece] = slot
            let token = table.nextToken
            table.nextToken += 1
            let isOwner = slot.state.withLock { state in
                if state.owner == nil { state.owner = token }
                return state.owner == token
            }
            return (slot, token, isOwner)
        }
    }

    /// Ends all writing to a verified piece, after one last write of who did not own the slot. False if somebody else was
    /// first.
    func seal(_ piece: PieceIndex, _ slot: Slot, lastWrite: () throws -> Void) rethrows -> Bool {
        let isFirst = try slot.state.withLock { state in
            guard !state.isSealed else { return false }
            try lastWrite()
            state.isSealed = true
            return true
        }
        guard isFirst else { return false }
        table.withLock { table in
            table.sealed.insert(piece)
            table.slots[piece] = nil
        }
        return true
    }

    /// Ends all writing for good.
    func close() {
        let slots = table.withLock { table in
            table.isClosed = true
            return Array(table.slots.values)
        }
        for slot in slots { slot.state.withLock { $0.isSealed = true } }
    }

    /// Makes a piece writable again that turned out to be wrong.
    func reopen(_ piece: PieceIndex) {
        table.withLock { _ = $0.sealed.remove(piece) }
    }
}

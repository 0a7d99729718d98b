import MinionCore
import PieceStore
import Swarm

/// One version of a task on this host's disk while it is downloaded, and its place on the shelf from which others are
/// served.
final class TaskStorage: Sendable {
    let version: TaskVersion
    let layout: PieceLayout
    let file: PieceFile
    /// Set if the file is in a cache.
    let pin: ContentPin?
    let slots: PieceSlots
    let served: ServedTask
    private let intake: PieceIntake

    init(
        version: TaskVersion, layout: PieceLayout, file: PieceFile, pin: ContentPin?, found: [PieceIndex],
        served: ServedTask, intake: PieceIntake
    ) {
        self.version = version
        self.layout = layout
        self.file = file
        self.pin = pin
        self.served = served
        self.intake = intake
        slots = PieceSlots(sealed: PieceSet(capacity: layout.count, found))
    }

    /// Nil if the piece is there already.
    func makeReceiver(_ piece: PieceIndex) -> PieceReceiver? {
        PieceReceiver(piece, of: layout, file: file, intake: intake, slots: slots)
    }

    /// Returns when there is room for more bytes on their way to the disk.
    func room() async { await intake.room() }

    /// Writes down that pieces are whole, with their signatures, and serves them. The journal may lag behind by a moment;
    /// what it lacks after a crash is fetched again.
    func offer(_ proofs: [PieceProof], diskFailed: @escaping @Sendable (any Error) -> Void) {
        served.offer(proofs)
        intake.submit { [file] in
            do {
                for proof in proofs {
                    try file.record(StoredPiece(piece: proof.piece, hash: proof.hash, signature: proof.signature))
                }
            } catch {
                diskFailed(error)
            }
        }
    }

    /// Throws away a piece that is not the one on the tracker's list.
    func discard(_ piece: PieceIndex) {
        served.withdraw(piece)
        slots.reopen(piece)
        // A record that stays costs a hash at the next start, no more.
        intake.submit { [file] in try? file.discard(piece) }
    }

    /// Ends all writing. A file in a cache is shared with whoever opens it next, and stays open until it is let go.
    func close() {
        slots.close()
        if pin == nil { file.close() }
    }
}

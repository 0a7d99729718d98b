import MinionCore
import PieceStore
import Swarm
import SystemPackage

/// One version of a task on this host's disk, and its place on the shelf from which others are served.
final class TaskStorage: Sendable {
    let version: TaskVersion
    let layout: PieceLayout
    let file: PieceFile
    let slots: PieceSlots
    let served: ServedTask
    let intake: PieceIntake

    init(
        version: TaskVersion, layout: PieceLayout, file: PieceFile, task: TaskID, resource: String, name: String,
        intake: PieceIntake
    ) {
        self.version = version
        self.layout = layout
        self.file = file
        self.intake = intake
        slots = PieceSlots(sealed: PieceSet(capacity: layout.count, file.resumed.map(\.piece)))
        served = ServedTask(
            id: task, version: version, layout: layout, resource: resource, name: name,
            openReader: { try file.makeReader().rawValue },
            isUnchanged: { !file.isPublished || file.isUnchanged() })
    }

    /// Nil if the piece is there already.
    func makeReceiver(_ piece: PieceIndex) -> PieceReceiver? {
        PieceReceiver(piece, of: layout, file: file, intake: intake, slots: slots)
    }

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
}

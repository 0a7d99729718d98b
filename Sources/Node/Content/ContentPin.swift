import PieceStore

/// Keeps a content in the cache as long as somebody holds this. Let go on a thread that may wait for a disk.
final class ContentPin: Sendable {
    let file: CachedFile
    private let intake: PieceIntake

    init(_ file: CachedFile, _ intake: PieceIntake) {
        self.file = file
        self.intake = intake
    }

    deinit { intake.submit { [file] in file.release() } }
}

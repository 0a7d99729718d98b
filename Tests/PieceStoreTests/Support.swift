import Crypto
import Foundation
import MinionCore
import PieceStore
import SystemPackage
import Testing

/// Gives `body` an empty folder of its own and removes it afterwards.
func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let path = FileManager.default.temporaryDirectory.path + "/piece-store-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try body(path)
}

/// Reproducible randomness (SplitMix64).
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) } }
}

/// A task with known content, and what a download of it does.
struct Sample {
    static let pieceSize: Int64 = 64 << 10

    let task: TaskID
    let validator: String
    let layout: PieceLayout
    let content: [UInt8]

    /// `task` is a number of two hexadecimal digits.
    init(size: Int64, seed: UInt64 = 1, task: String = "ab", validator: String = "\"v1\"") throws {
        self.task = try #require(TaskID(hex: String(repeating: task, count: 32)))
        self.validator = validator
        layout = try #require(PieceLayout(size: size, pieceSize: Self.pieceSize))
        var dice = Dice(seed: seed)
        content = dice.bytes(Int(size))
    }

    func open(_ destination: String) throws -> PieceFile {
        try PieceFile.open(destination: destination, task: task, validator: validator, layout: layout)
    }

    func stored(_ piece: PieceIndex, signature: String = "") -> StoredPiece {
        var hasher = PieceHasher()
        withBytes(of: piece) { hasher.update($0) }
        return StoredPiece(piece: piece, hash: hasher.finalize(), signature: signature)
    }

    /// Writes a piece and notes it.
    func fetch(_ piece: PieceIndex, into file: PieceFile, signature: String = "") throws {
        try withBytes(of: piece) { try file.write($0, at: layout.range(of: piece).lowerBound) }
        try file.record(stored(piece, signature: signature))
    }

    func fetchAll(into file: PieceFile) throws {
        for piece in (0..<layout.count).reversed() { try fetch(piece, into: file) }
    }

    func withBytes<Result>(of piece: PieceIndex, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        let range = layout.range(of: piece)
        return try content.withUnsafeBytes {
            try body(UnsafeRawBufferPointer(rebasing: $0[Int(range.lowerBound)..<Int(range.upperBound)]))
        }
    }
}

/// Where the parts of a download to `<folder>/file` lie.
extension String {
    var file: String { self + "/file" }
    var data: String { self + "/.file.minion" }
    var journal: String { self + "/.file.minion-state" }
}

/// The two hidden files beside a destination.
enum HiddenFile: CaseIterable {
    case data, journal

    func path(in folder: String) -> String {
        switch self {
        case .data: folder.data
        case .journal: folder.journal
        }
    }
}

func bytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

func put(_ bytes: some Sequence<UInt8>, _ path: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
}

/// Overwrites bytes in place, as an editor of somebody else would.
func patch(_ path: String, at offset: Int64, _ bytes: [UInt8]) throws {
    let file = try FileDescriptor.open(FilePath(path), .writeOnly)
    try file.closeAfter { _ = try file.writeAll(toAbsoluteOffset: offset, bytes) }
}

func names(in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
}

func mode(_ path: String) throws -> mode_t {
    var status = stat()
    try #require(lstat(path, &status) == 0)
    return status.st_mode & 0o7777
}

func inode(_ path: String) throws -> UInt64 {
    var status = stat()
    try #require(lstat(path, &status) == 0)
    return UInt64(status.st_ino)
}

/// All that a reader of the file sees.
func contents(_ file: PieceFile) throws -> [UInt8] {
    let reader = try file.makeReader()
    return try reader.closeAfter {
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 100_000)
        while true {
            let count = try buffer.withUnsafeMutableBytes {
                try reader.read(fromAbsoluteOffset: Int64(result.count), into: $0)
            }
            if count == 0 { return result }
            result += buffer[..<count]
        }
    }
}

/// The code of the `StorageError` that `body` throws; fails the test if it throws none or another error.
func storageError(_ body: () throws -> Void, at location: SourceLocation = #_sourceLocation) -> StorageError? {
    let error = #expect(throws: StorageError.self, sourceLocation: location) { try body() }
    return error
}

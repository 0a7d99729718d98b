import Crypto
import Logging
import MinionCore
import NIOPosix
import Node
import Swarm
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A file with known bytes, served by a piece server on a free port.
final class ServingFixture: Sendable {
    let content: [UInt8]
    let layout: PieceLayout
    let task: ServedTask
    let shelf = Shelf()
    let server: PieceServer
    let path: String
    let isUnchanged = Mutex(true)
    let neighbours = Mutex<[NeighbourInfo]>([])
    private let box = Box()

    static let id = TaskID(hash: PieceHash(hex: String(repeating: "ab", count: 32)) ?? { preconditionFailure() }())
    static let resource = "http://source/file"
    var base: String { "/v1/tasks/\(Self.id)" }
    var old: String { "/?res_url=http%3A%2F%2Fsource%2Ffile" }

    private init(content: [UInt8], pieceSize: Int64, limits: ServingLimits) async throws {
        self.content = content
        guard let layout = PieceLayout(size: Int64(content.count), pieceSize: pieceSize) else {
            throw ClientError("no layout")
        }
        self.layout = layout
        var template = Array("/tmp/minion-serving-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        defer { close(descriptor) }
        let path = template.withUnsafeBufferPointer { buffer in
            String(decoding: buffer.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        self.path = path
        var written = 0
        while written < content.count {
            let count = content.withUnsafeBytes {
                write(descriptor, $0.baseAddress.map { $0 + written }, $0.count - written)
            }
            guard count > 0 else { throw ClientError("write: \(errno)") }
            written += count
        }
        let box = self.box
        task = ServedTask(
            id: Self.id, version: TaskVersion(validator: "\"v1\"", layout: layout), layout: layout,
            resource: Self.resource, name: "file",
            openReader: {
                let descriptor = open(path, O_RDONLY | O_CLOEXEC)
                guard descriptor >= 0 else { throw ClientError("open: \(errno)") }
                return ServedFile(descriptor: descriptor)
            },
            isUnchanged: { box.fixture.withLock { $0?.isUnchanged.withLock { $0 } ?? true } })
        shelf.add(task)
        server = try await PieceServer.start(
            group: MultiThreadedEventLoopGroup.singleton, shelf: shelf, limits: limits,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            onNeighbour: { _, info in box.fixture.withLock { $0?.neighbours.withLock { $0.append(info) } } })
        box.fixture.withLock { $0 = self }
    }

    /// Lets the closures that are made before the fixture find it.
    private final class Box: Sendable {
        let fixture = Mutex<ServingFixture?>(nil)
    }

    /// Runs `body` with a file of `size` bytes, of which `pieces` (nil: all) are offered.
    static func with(
        size: Int, pieceSize: Int64 = 64 << 10, offering pieces: [PieceIndex]? = nil,
        limits: ServingLimits = ServingLimits(), _ body: @escaping (ServingFixture) async throws -> Void
    ) async throws {
        var generator = SeededGenerator(seed: UInt64(size))
        var content = [UInt8](repeating: 0, count: size)
        for i in stride(from: 0, to: size, by: 8) {
            let word = generator.next()
            for j in i..<min(i + 8, size) { content[j] = UInt8(truncatingIfNeeded: word >> UInt64((j - i) * 8)) }
        }
        let fixture = try await ServingFixture(content: content, pieceSize: pieceSize, limits: limits)
        fixture.offer(pieces ?? Array(0..<fixture.layout.count))
        let result: Result<Void, any Error>
        do { result = .success(try await body(fixture)) } catch { result = .failure(error) }
        try await fixture.server.shutdown()
        unlink(fixture.path)
        fixture.box.fixture.withLock { $0 = nil }
        try result.get()
    }

    func offer(_ pieces: [PieceIndex]) { task.offer(pieces.map(proof)) }

    func proof(_ piece: PieceIndex) -> PieceProof {
        let range = layout.range(of: piece)
        let hash = PieceHash(bytes: Array(SHA256.hash(data: content[Int(range.lowerBound)..<Int(range.upperBound)])))
        guard let hash else { preconditionFailure("SHA-256 has 32 bytes") }
        return PieceProof(piece: piece, hash: hash, signature: String(repeating: "5a", count: 64))
    }

    func client(receiveBuffer: Int? = nil) throws -> RawClient {
        try RawClient(port: server.port, receiveBuffer: receiveBuffer)
    }

    /// One request on a connection of its own.
    func get(_ path: String, _ fields: [String] = [], method: String = "GET") async throws -> RawClient.Response {
        try await blocking { try self.client().request(method, path, fields) }
    }

    func bytes(_ range: Range<Int>) -> [UInt8] { Array(content[range]) }
}

extension ServingFixture {
    /// How many descriptors of this process refer to the fixture's file.
    var openDescriptors: Int {
        guard let directory = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(directory) }
        var count = 0
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            var target = [CChar](repeating: 0, count: 512)
            let length = readlink("/proc/self/fd/" + name, &target, target.count)
            guard length > 0 else { continue }
            if String(decoding: target[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self) == path { count += 1 }
        }
        return count
    }
}

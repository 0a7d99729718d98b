import Foundation
import MinionCore
import PieceStore
import SystemPackage
import Testing

@Suite struct DigestTests {
    /// Of "abc", from FIPS 180-4, FIPS 202, RFC 1321 and RFC 3174.
    static let vectors: [(type: String, hex: String)] = [
        ("md5", "900150983cd24fb0d6963f7d28e17f72"),
        ("sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "sha384",
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"
        ),
        (
            "sha512",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                + "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        ),
        ("sha3-256", "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
        (
            "sha3-384",
            "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25"
        ),
        (
            "sha3-512",
            "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e"
                + "10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0"
        ),
    ]

    @Test(arguments: vectors)
    func knownVectorsComeOut(type: String, hex: String) throws {
        let expected = try ContentDigest("\(type):\(hex)")
        var digest = StreamingDigest(expected.algorithm)
        for part in ["a", "", "bc"] { Array(part.utf8).withUnsafeBytes { digest.update($0) } }
        #expect(digest.finalize() == expected)
        #expect(expected.description == "\(type):\(hex)")
        #expect(expected.hex == hex)
    }

    @Test func everyAlgorithmHasAVector() {
        #expect(Self.vectors.map(\.type) == DigestAlgorithm.allCases.map(\.rawValue))
    }

    @Test(arguments: [
        ("SHA256", DigestAlgorithm.sha256), ("Sha-256", .sha256), ("sha_256", .sha256), ("SHA-1", .sha1), ("MD5", .md5),
        ("sha-512", .sha512), ("SHA384", .sha384), ("SHA3_256", .sha3With256), ("sha3-512", .sha3With512),
        ("sha3_384", .sha3With384),
    ])
    func spellings(name: String, algorithm: DigestAlgorithm) throws {
        let digest = try ContentDigest("\(name):\(String(repeating: "AB", count: algorithm.byteCount))")
        #expect(digest.algorithm == algorithm)
        #expect(digest.hex == String(repeating: "ab", count: algorithm.byteCount))
        #expect(try ContentDigest(digest.description) == digest)
    }

    @Test(arguments: [
        "", ":", "sha256", "sha256:", "sha256:abc", "sha256:" + String(repeating: "g", count: 64),
        "sha256:" + String(repeating: "a", count: 63), "sha256:" + String(repeating: "a", count: 66),
        "md5:" + String(repeating: "a", count: 64), "sha224:" + String(repeating: "a", count: 56),
        "sha-3-256:" + String(repeating: "a", count: 64), "md-5:" + String(repeating: "a", count: 32),
        "sha256: " + String(repeating: "a", count: 63), "crc32:00000000", String(repeating: "a", count: 64),
        "ſha256:" + String(repeating: "a", count: 64),
    ])
    func nonsenseIsRefusedWithWhatIsKnown(text: String) {
        let error = #expect(throws: ContentDigestError.self) { _ = try ContentDigest(text) }
        for algorithm in DigestAlgorithm.allCases {
            #expect(error?.message.contains(algorithm.rawValue) == true)
        }
    }

    @Test func pieceHasherIsSHA256() {
        var hasher = PieceHasher()
        let empty = hasher.finalize().hex
        #expect(empty == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        for part in ["ab", "c"] { Array(part.utf8).withUnsafeBytes { hasher.update($0) } }
        #expect(hasher.finalize().hex == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    // MARK: - While downloading

    @Test(arguments: [0, 1, 262_143, 262_144, 262_145, 700_000] as [Int64])
    func digestOfAGrowingFileIsThatOfTheWhole(size: Int64) throws {
        try withFolder { folder in
            let sample = try Sample(size: size)
            let file = try sample.open(folder.file)
            let digester = PrefixDigester(reader: try file.makeReader(), algorithm: .sha512)
            for piece in 0..<sample.layout.count {
                try sample.fetch(piece, into: file)
                // Not further than told, and never back.
                let end = sample.layout.range(of: piece).upperBound
                try digester.advance(to: end)
                try digester.advance(to: end / 2)
                #expect(digester.position == end)
            }
            try file.publish(sync: false)
            var whole = StreamingDigest(.sha512)
            sample.content.withUnsafeBytes { whole.update($0) }
            #expect(try digester.finish(size: size) == whole.finalize())
            #expect(try digester.finish(size: size) == whole.finalize())
        }
    }

    @Test func digesterDoesAllTheWorkInTheEndIfItWasToldNothing() throws {
        try withFolder { folder in
            let sample = try Sample(size: 600_000)
            let file = try sample.open(folder.file)
            try sample.fetchAll(into: file)
            let digester = PrefixDigester(reader: try file.makeReader(), algorithm: .sha256)
            var whole = PieceHasher()
            sample.content.withUnsafeBytes { whole.update($0) }
            #expect(try digester.finish(size: 600_000).hex == whole.finalize().hex)
            #expect(storageError { _ = try digester.finish(size: 599_999) }?.code == .outOfRange)
        }
    }

    @Test func fileThatEndsEarlyIsAnError() throws {
        try withFolder { folder in
            let file = try Sample(size: 1000).open(folder.file)
            let digester = PrefixDigester(reader: try file.makeReader(), algorithm: .md5)
            #expect(storageError { try digester.advance(to: 1001) }?.code == .changed)
            #expect(storageError { _ = try digester.finish(size: 1001) }?.code == .changed)
        }
    }
}

import Crypto
import MinionCore
import Swarm
import Testing
import Wire

struct ProofTests {
    private let key = TrackerKey()
    private let task = TaskID(of: TaskIdentity(url: "http://host/file"))
    private let version: TaskVersion
    private let proof: PieceProof

    init() throws {
        version = TaskVersion(
            validator: "\"abc\"", layout: try #require(PieceLayout(size: 10 << 20, pieceSize: 1 << 20)))
        proof = PieceProof(piece: 7, hash: try #require(PieceHash(hex: String(repeating: "ab", count: 32))))
    }

    private func verifier(_ key: TrackerKey) throws -> ProofVerifier {
        try #require(ProofVerifier(keyHex: key.publicKeyHex))
    }

    @Test func signedProofIsValid() throws {
        let signed = key.sign(proof, task: task, version: version)
        #expect(signed.piece == proof.piece && signed.hash == proof.hash)
        #expect(try verifier(key).isValid(signed, task: task, version: version))
    }

    @Test func signatureCoversEveryField() throws {
        let verifier = try verifier(key)
        let signed = key.sign(proof, task: task, version: version)
        var otherPiece = signed
        otherPiece.piece = 8
        #expect(!verifier.isValid(otherPiece, task: task, version: version))
        var otherHash = signed
        otherHash.hash = try #require(PieceHash(hex: String(repeating: "ac", count: 32)))
        #expect(!verifier.isValid(otherHash, task: task, version: version))
        #expect(!verifier.isValid(signed, task: TaskID(of: TaskIdentity(url: "http://host/other")), version: version))
        for change: (inout TaskVersion) -> Void in [{ $0.validator = "x" }, { $0.size += 1 }, { $0.pieceSize *= 2 }] {
            var other = version
            change(&other)
            #expect(!verifier.isValid(signed, task: task, version: other))
        }
        var fresher = version
        fresher.freshSeconds = 1
        #expect(verifier.isValid(signed, task: task, version: fresher))
    }

    @Test func anotherKeysSignatureIsRefused() throws {
        let signed = TrackerKey().sign(proof, task: task, version: version)
        #expect(!(try verifier(key).isValid(signed, task: task, version: version)))
    }

    @Test(arguments: ["", "00", "zz", String(repeating: "0", count: 128), String(repeating: "g", count: 128)])
    func rubbishSignatureIsRefused(signature: String) throws {
        var rubbish = proof
        rubbish.signature = signature
        #expect(!(try verifier(key).isValid(rubbish, task: task, version: version)))
    }

    @Test func messageIsThatOfTheProtocol() throws {
        let hash = String(repeating: "ab", count: 32)
        let expected = "minion-piece-1\n\(task.hex)\n\"abc\"\n10485760\n1048576\n7\n\(hash)\n"
        #expect(ProofContext(task: task, version: version).message(for: proof) == Array(expected.utf8))
    }

    @Test func keyIsTheSameAfterItsBytesWereStored() throws {
        let again = try #require(TrackerKey(privateBytes: key.privateBytes))
        #expect(again.publicKeyHex == key.publicKeyHex)
        let signed = again.sign(proof, task: task, version: version)
        #expect(try verifier(key).isValid(signed, task: task, version: version))
    }

    @Test func keysOfAnyOtherLengthAreRefused() {
        #expect(TrackerKey(privateBytes: []) == nil)
        #expect(TrackerKey(privateBytes: Array(repeating: UInt8(1), count: 31)) == nil)
        #expect(ProofVerifier(keyHex: "") == nil)
        #expect(ProofVerifier(keyHex: String(repeating: "a", count: 62)) == nil)
        #expect(ProofVerifier(keyHex: String(repeating: "x", count: 64)) == nil)
    }

    @Test func taskIDIsTheHashOfTheCanonicalBytes() {
        let identity = TaskIdentity(url: "http://host/file", tag: "t")
        let digest = SHA256.hash(data: identity.canonicalBytes)
        #expect(TaskID(of: identity).hex == Hex.text(digest))
        #expect(TaskID(of: identity) != TaskID(of: TaskIdentity(url: "http://host/file")))
    }
}

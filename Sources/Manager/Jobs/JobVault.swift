package import Crypto
import Fleet
import FoundationEssentials

/// Keeps the work of jobs, which may hold passwords and tokens, so that the store alone does not tell it.
package struct JobVault: Sendable {
    /// What kind of work a part is, by the name that results have for it.
    enum Kind: String {
        case preheat
        case find = "get_task"
        case delete = "delete_task"
    }

    private let key: SymmetricKey

    /// - Parameter sessionKey: the key that all managers on the store share.
    package init(sessionKey: SymmetricKey) {
        key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: sessionKey, info: Data("minion-job-work-1".utf8), outputByteCount: 32)
    }

    /// Seals the work of the part of this id: it cannot be opened as that of another.
    func seal(_ work: JobPart.Work, part: String) throws -> [UInt8] {
        let box = try AES.GCM.seal(
            try JSONEncoder().encode(work), using: key, authenticating: Data(part.utf8))
        // There is one, since the nonce has the usual length.
        return box.combined.map { Array($0) } ?? []
    }

    /// Nil if it was sealed with another key, for another part, or is damaged.
    func open(_ sealed: [UInt8], part: String) -> JobPart.Work? {
        guard let box = try? AES.GCM.SealedBox(combined: Data(sealed)),
            let plain = try? AES.GCM.open(box, using: key, authenticating: Data(part.utf8))
        else { return nil }
        return try? JSONDecoder().decode(JobPart.Work.self, from: plain)
    }
}

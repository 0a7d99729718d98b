import Crypto
import Fleet
import MinionCore

/// Knows join tokens without knowing them: only their hashes.
struct JoinGate: Sendable {
    private struct Entry {
        var hash: [UInt8]
        var expires: Double?
    }

    private let entries: [Entry]

    init(_ tokens: [JoinTokenHash] = []) {
        entries = tokens.compactMap { token in
            Hex.bytes(token.hash).flatMap { $0.count == 32 ? Entry(hash: $0, expires: token.expires) : nil }
        }
    }

    /// Whether a token is one of them and good at a time, in seconds since 1970. Takes as long for a right one as for a
    /// wrong one.
    func admits(_ token: some StringProtocol, at time: Double) -> Bool {
        let hash = Array(SHA256.hash(data: Array(token.utf8)))
        var isAdmitted = false
        for entry in entries {
            var difference: UInt8 = 0
            for (a, b) in zip(entry.hash, hash) { difference |= a ^ b }
            let isGood = entry.expires.map { time < $0 } ?? true
            if difference == 0, isGood { isAdmitted = true }
        }
        return isAdmitted
    }
}

import Crypto
import CryptoExtras
import FoundationEssentials
import NIOPosix
import Synchronization

/// A password as it lies in the store: `$scrypt$ln=15,r=8,p=1$<salt>$<hash>`, both in base64 without padding.
package struct PasswordHash: Hashable, Sendable {
    package struct Parameters: Hashable, Sendable {
        /// The logarithm of the number of rounds to base 2.
        package var logRounds: Int
        package var blockSize = 8
        package var parallelism = 1

        package init(logRounds: Int) { self.logRounds = logRounds }

        /// What new hashes are made with: 32 MiB and some 50 ms.
        package static let standard = Parameters(logRounds: 15)

        /// Whether a hash with these parameters can be checked in reasonable time and memory.
        fileprivate var isSane: Bool {
            (4...20).contains(logRounds) && (1...16).contains(blockSize) && (1...16).contains(parallelism)
                && (blockSize << logRounds) <= 8 << 20
        }
    }

    package let parameters: Parameters
    package let salt: [UInt8]
    package let hash: [UInt8]

    /// Nil if the text is no hash of this form.
    package init?(_ text: String) {
        let parts = text.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0].isEmpty, parts[1] == "scrypt" else { return nil }
        var values: [Substring: Int] = [:]
        for part in parts[2].split(separator: ",") {
            let pair = part.split(separator: "=")
            guard pair.count == 2, let value = Int(pair[1]) else { return nil }
            values[pair[0]] = value
        }
        guard let rounds = values["ln"], let blockSize = values["r"], let parallelism = values["p"],
            let salt = Base64.decode(parts[3]), let hash = Base64.decode(parts[4]), hash.count >= 16
        else { return nil }
        var parameters = Parameters(logRounds: rounds)
        parameters.blockSize = blockSize
        parameters.parallelism = parallelism
        guard parameters.isSane else { return nil }
        self.parameters = parameters
        self.salt = salt
        self.hash = hash
    }

    /// Hashes a password. Takes long: not for event loops, nor for the cooperative pool.
    package init(of password: String, _ parameters: Parameters = .standard) throws {
        self.parameters = parameters
        salt = SymmetricKey(size: .bits128).withUnsafeBytes { Array($0) }
        hash = try Self.derive(password, salt, parameters, length: 32)
    }

    /// Whether a password is the one. Takes as long as making the hash.
    package func matches(_ password: String) -> Bool {
        guard let derived = try? Self.derive(password, salt, parameters, length: hash.count) else { return false }
        return ConstantTime.areEqual(derived, hash)
    }

    package var text: String {
        let numbers = "ln=\(parameters.logRounds),r=\(parameters.blockSize),p=\(parameters.parallelism)"
        return "$scrypt$\(numbers)$\(Base64.encode(salt))$\(Base64.encode(hash))"
    }

    private static func derive(
        _ password: String, _ salt: [UInt8], _ parameters: Parameters, length: Int
    ) throws -> [UInt8] {
        let key = try KDF.Scrypt.deriveKey(
            from: Array(password.utf8), salt: salt, outputByteCount: length, rounds: 1 << parameters.logRounds,
            blockSize: parameters.blockSize, parallelism: parameters.parallelism)
        return key.withUnsafeBytes { Array($0) }
    }
}

/// Makes and checks password hashes, on threads of its own and only a few at a time, so that sign-ins cannot take all
/// memory and processors.
package final class PasswordHasher: Sendable {
    /// More than wait already is refused.
    package struct Busy: Error {}

    /// Whether a password was right, and the hash to store instead if the old one was made with other parameters.
    package struct Verdict: Sendable {
        package var isRight: Bool
        package var rehashed: String?
    }

    private static let threads = 2
    private static let waiting = 64

    private let pool = NIOThreadPool(numberOfThreads: PasswordHasher.threads)
    private let parameters: PasswordHash.Parameters
    private let inUse = Mutex(0)
    /// What the password of an account that does not exist is compared with.
    private let nobody: PasswordHash

    package init(parameters: PasswordHash.Parameters = .standard) throws {
        self.parameters = parameters
        nobody = try PasswordHash(of: "", parameters)
        pool.start()
    }

    package func shutDown() async { try? await pool.shutdownGracefully() }

    package func hash(_ password: String) async throws -> String {
        try await run { [parameters] in try PasswordHash(of: password, parameters).text }
    }

    /// Checks a password against a stored hash; nil takes the same time as an account that exists, and fails.
    package func check(_ password: String, against stored: String?) async throws -> Verdict {
        try await run { [parameters, nobody] in
            let known = stored.flatMap { PasswordHash($0) }
            guard (known ?? nobody).matches(password), let known else { return Verdict(isRight: false) }
            guard known.parameters != parameters else { return Verdict(isRight: true) }
            return Verdict(isRight: true, rehashed: try PasswordHash(of: password, parameters).text)
        }
    }

    private func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        let hasRoom = inUse.withLock { inUse in
            guard inUse < Self.threads + Self.waiting else { return false }
            inUse += 1
            return true
        }
        guard hasRoom else { throw Busy() }
        defer { inUse.withLock { $0 -= 1 } }
        return try await pool.runIfActive(work)
    }
}

import Crypto

/// A digest computed as bytes arrive, with an algorithm chosen at run time.
package struct StreamingDigest: Sendable {
    package let algorithm: DigestAlgorithm
    private var function: any HashFunction

    package init(_ algorithm: DigestAlgorithm) {
        self.algorithm = algorithm
        function =
            switch algorithm {
            case .md5: Insecure.MD5()
            case .sha1: Insecure.SHA1()
            case .sha256: SHA256()
            case .sha384: SHA384()
            case .sha512: SHA512()
            case .sha3With256: SHA3_256()
            case .sha3With384: SHA3_384()
            case .sha3With512: SHA3_512()
            }
    }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        function.update(bufferPointer: bytes)
    }

    /// The digest of everything so far. More may be added afterwards.
    package func finalize() -> ContentDigest {
        ContentDigest(algorithm: algorithm, bytes: function.digestBytes)
    }
}

extension HashFunction {
    fileprivate var digestBytes: [UInt8] { Array(finalize()) }
}

import NIOPosix
import NIOSSL

/// A server's certificate and its key, as PEM files.
package struct CertificateFiles: Hashable, Sendable {
    /// The certificate, followed by those that lead to its root.
    package var chain: String
    package var key: String

    package init(chain: String, key: String) {
        self.chain = chain
        self.key = key
    }

    /// Reads both, and sees whether they belong together. Throws `FrontError`.
    func load() async throws -> TLSConfiguration {
        try await NIOThreadPool.singleton.runIfActive { try read() }
    }

    private func read() throws -> TLSConfiguration {
        let certificates: [NIOSSLCertificate]
        let privateKey: NIOSSLPrivateKey
        do {
            certificates = try NIOSSLCertificate.fromPEMFile(chain)
        } catch {
            throw FrontError(message: "there is no certificate as PEM in \(chain): \(error)")
        }
        do {
            privateKey = try NIOSSLPrivateKey(file: key, format: .pem)
        } catch {
            throw FrontError(message: "there is no key as PEM in \(key): \(error)")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: certificates.map { .certificate($0) }, privateKey: .privateKey(privateKey))
        configuration.minimumTLSVersion = .tlsv12
        do {
            _ = try NIOSSLContext(configuration: configuration)
        } catch {
            throw FrontError(message: "the key in \(key) is not that of the certificate in \(chain)")
        }
        return configuration
    }
}

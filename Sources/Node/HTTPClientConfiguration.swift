import AsyncHTTPClient
import MinionCore
import NIOCore
import NIOSSL

extension HTTPClient.Configuration {
    /// What all clients of a node have in common. Redirects are not followed.
    ///
    /// `certificateFile` names certificates (PEM) that are trusted instead of the system's.
    init(connectTimeout: Duration, certificateFile: String?) {
        self.init(redirectConfiguration: .disallow, decompression: .disabled)
        // No read time-out: it would also count the time in which we ourselves do not want to read. Whoever waits for
        // bytes has a deadline of their own.
        timeout = .init(connect: .nanoseconds(connectTimeout.nanoseconds))
        // Failed connections are tried again by those who know other ways, too, not by the pool.
        connectionPool.retryConnectionEstablishment = false
        // How much is asked at once is limited elsewhere; the pool's own limit of 8 would hold some of it back unseen.
        connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 1024
        guard let certificateFile else { return }
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .file(certificateFile)
        tlsConfiguration = tls
    }
}

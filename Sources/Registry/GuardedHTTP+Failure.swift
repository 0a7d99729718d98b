import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension GuardedHTTP.Failure {
    /// What an error of the transport means, in words.
    init(transport error: any Error, server: String) {
        self.init(Self.text(error, server))
    }

    private static func text(_ error: any Error, _ server: String) -> String {
        switch error {
        case is CancellationError: "the request was cancelled"
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { text($0.error, server) } ?? "\(server) cannot be reached"
        case let error as HTTPClientError: text(client: error, server)
        case HTTPParserError.invalidEOFState, HTTPParserError.closedConnection:
            "\(server) closed the connection in the middle of its answer"
        case HTTPParserError.headerOverflow: "\(server) sent a header that is too long"
        case is HTTPParserError: "\(server) does not answer in HTTP"
        case let error as IOError: text(error, server)
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError: text(tls: error, server)
        case ChannelError.connectTimeout: "\(server) did not accept the connection in time"
        case is ChannelError: "\(server) closed the connection"
        default: "the connection to \(server) failed"
        }
    }

    private static func text(client error: HTTPClientError, _ server: String) -> String {
        switch error {
        case .cancelled: "the request was cancelled"
        case .connectTimeout, .getConnectionFromPoolTimeout: "\(server) did not accept the connection in time"
        case .tlsHandshakeTimeout: "\(server) did not finish the TLS handshake in time"
        case .readTimeout, .deadlineExceeded: "\(server) did not answer in time"
        case .remoteConnectionClosed, .uncleanShutdown: "\(server) closed the connection"
        default: "the request to \(server) failed: \(error.shortDescription)"
        }
    }

    private static func text(tls error: any Error, _ server: String) -> String {
        let text = String(describing: error)
        let problem =
            if text.contains("CERTIFICATE_VERIFY_FAILED") || text.contains("unableToValidateCertificate") {
                "its certificate is not trusted, or has expired"
            } else if error as? NIOSSLExtraError == .failedToValidateHostname {
                "its certificate is for another name"
            } else if text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST") {
                "it does not speak TLS on this port"
            } else if text.contains("failedToLoadCertificate") || text.contains("noSuchFilesystemObject") {
                "the file with the trusted certificates cannot be read"
            } else {
                Printable.text(text, limit: 120)
            }
        return "no TLS connection to \(server): \(problem)"
    }

    private static func text(_ error: IOError, _ server: String) -> String {
        switch error.errnoCode {
        case ECONNREFUSED: "\(server) refused the connection"
        case ECONNRESET, EPIPE: "\(server) closed the connection"
        case ETIMEDOUT: "\(server) did not answer in time"
        case EHOSTUNREACH, ENETUNREACH: "\(server) cannot be reached from here"
        default: "the connection to \(server) failed (error \(error.errnoCode))"
        }
    }
}

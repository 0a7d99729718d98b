import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Swarm

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension SourceFailure {
    /// What an error of the transport means, in words.
    init(transport error: any Error, server: String) {
        switch error {
        case let failure as SourceFailure: self = failure
        case let error as NIOConnectionError: self.init(connecting: error, server: server)
        case let error as HTTPClientError: self.init(client: error, server: server)
        case let error as HTTPParserError: self.init(parsing: error, server: server)
        case let error as IOError: self.init(.connection, Self.text(error, server: server))
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError: self.init(tls: error, server: server)
        case is DeadlineExceeded: self.init(.connection, "\(server) stopped sending")
        case ChannelError.connectTimeout: self.init(.connection, "\(server) did not accept the connection in time")
        case is ChannelError: self.init(.connection, "\(server) closed the connection")
        default: self.init(.connection, "the connection to \(server) failed: \(error)")
        }
    }

    private init(connecting error: NIOConnectionError, server: String) {
        if let failure = error.connectionErrors.first {
            self.init(transport: failure.error, server: server)
        } else if error.dnsAError != nil || error.dnsAAAAError != nil {
            // The host that was looked up is the proxy's where there is one.
            self.init(.nameResolution, "the name \(error.host) does not resolve")
        } else {
            self.init(.connection, "\(server) did not accept the connection in time")
        }
    }

    private init(client error: HTTPClientError, server: String) {
        switch error {
        case .connectTimeout, .getConnectionFromPoolTimeout:
            self.init(.connection, "\(server) did not accept the connection in time")
        case .tlsHandshakeTimeout:
            self.init(.connection, "\(server) did not finish the TLS handshake in time")
        case .readTimeout, .deadlineExceeded:
            self.init(.connection, "\(server) did not answer in time")
        case .remoteConnectionClosed, .uncleanShutdown:
            self.init(.connection, "\(server) closed the connection")
        case .httpProxyHandshakeTimeout, .socksHandshakeTimeout:
            self.init(.connection, "the proxy did not answer in time when asked for \(server)")
        case .invalidProxyResponse:
            self.init(.connection, "the proxy would not connect to \(server)")
        case .proxyAuthenticationRequired:
            self.init(.connection, "the proxy wants a user name and a password")
        default:
            if error.shortDescription == "Invalid header field names"
                || error.shortDescription == "Invalid header field values"
            {
                self.init(.malformed, "a header field for \(server) has characters that may not be sent")
            } else {
                self.init(.connection, "the connection to \(server) failed: \(error.shortDescription)")
            }
        }
    }

    private init(parsing error: HTTPParserError, server: String) {
        switch error {
        case .invalidEOFState, .closedConnection:
            self.init(.connection, "\(server) closed the connection in the middle of its answer")
        case .headerOverflow:
            self.init(.malformed, "\(server) sent a header that is too long")
        default:
            self.init(.malformed, "\(server) does not answer in HTTP")
        }
    }

    private init(tls error: any Error, server: String) {
        let text = String(describing: error)
        let problem =
            if text.contains("CERTIFICATE_VERIFY_FAILED") || text.contains("unableToValidateCertificate") {
                "its certificate is not trusted, or has expired (SSL_CERT_FILE names the file with the trusted ones)"
            } else if error as? NIOSSLExtraError == .failedToValidateHostname {
                "its certificate is for another name"
            } else if text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST") {
                "it does not speak TLS on this port"
            } else if text.contains("failedToLoadCertificate") || text.contains("noSuchFilesystemObject") {
                "the file with the trusted certificates cannot be read (SSL_CERT_FILE)"
            } else {
                SourceURL.printable(text)
            }
        self.init(.connection, "no TLS connection to \(server): \(problem)")
    }

    private static func text(_ error: IOError, server: String) -> String {
        switch error.errnoCode {
        case ECONNREFUSED: "\(server) refused the connection"
        case ECONNRESET, EPIPE: "\(server) closed the connection"
        case ETIMEDOUT: "\(server) did not answer in time"
        case EHOSTUNREACH, ENETUNREACH, ENETDOWN, EADDRNOTAVAIL: "there is no route to \(server)"
        default: "the connection to \(server) failed: \(error)"
        }
    }
}

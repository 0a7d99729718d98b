package import MinionCore
import NIOCore

/// How a node reads sources.
package struct SourceOptions: Sendable {
    /// Sent as `User-Agent`, unless the download has a header field of that name itself.
    package var userAgent = "minion"
    package var connectTimeout = Duration.seconds(10)
    /// How long a source may send nothing while bytes are waited for.
    package var idleTimeout = Duration.seconds(30)
    package var proxies = ProxySettings()
    /// A file of certificates (PEM) that are trusted instead of the system's; nil: the system's.
    package var certificateFile: String?

    /// To which addresses others than this host's users may make it connect: private ones are where sources often are.
    package var rules = SourceOptions.standardRules

    package static let standardRules = AddressRules(
        allowsPrivate: true,
        optionNames: .init(privateAddresses: "--preheat-sources", list: "--preheat-sources"))

    package init() {}

    /// Proxies (see `ProxySettings`) and `SSL_CERT_FILE` from the environment. Throws a `ProxySettingsError`.
    package init(environment: [String: String]) throws {
        proxies = try ProxySettings(environment: environment)
        if let file = environment["SSL_CERT_FILE"], !file.isEmpty { certificateFile = file }
    }
}

import Logging
import MinionCore
import NIOCore
import Registry

/// What a job may make others fetch.
struct SourceRules: Sendable {
    let addresses: AddressRules

    /// Looks at what a URL says by itself; where its name leads is looked at by whoever connects. Throws `Refusal` 422.
    func check(_ url: String) throws(Refusal) {
        let shown = JobSecrets.masked(url: url).prefix(200)
        guard let colon = url.firstRange(of: "://") else {
            throw .invalid("\(shown) is no URL; write http://… or https://…")
        }
        if let reason = AddressRules.refusal(ofURLScheme: String(url[..<colon.lowerBound])) { throw .invalid(reason) }
        // Who the URL names is nothing that its reader may disagree about.
        var plain = url
        let authority = url[colon.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        if let at = authority.lastIndex(of: "@") { plain.removeSubrange(colon.upperBound...at) }
        guard let read = WebURL(plain) else { throw .invalid("\(shown) is no URL that can be fetched") }
        guard let address = IPAddress(read.host), let reason = addresses.refusal(of: address, host: read.host) else {
            return
        }
        throw .invalid(reason)
    }
}

/// Asks registries.
struct RegistryImages: ImageSource {
    private let client: RegistryClient

    init(rules: AddressRules, group: any EventLoopGroup, logger: Logger) {
        client = RegistryClient(rules: rules, group: group, logger: logger)
    }

    func parts(of order: ImageOrder) async throws(Refusal) -> ImageParts {
        do throws(RegistryError) {
            let reference = try ImageReference(order.url)
            let platform = order.platform.isEmpty ? .current : try ImagePlatform(order.platform)
            let image = try await client.resolve(
                reference, platform: platform,
                credentials: RegistryCredentials(username: order.username, password: order.password),
                headers: order.headers.map { ($0.name, $0.value) })
            return ImageParts(urls: image.blobs.map(\.url), authorization: image.authorization)
        } catch {
            throw .invalid(error.description)
        }
    }
}

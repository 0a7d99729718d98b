package import Logging
package import MinionCore
package import NIOCore

/// Asks registries (OCI distribution, Docker registry v2) of what images are made. It reads manifests only, no blobs.
package struct RegistryClient: Sendable {
    static let userAgent = "minion"

    private let http: GuardedHTTP
    private let limits: RegistryLimits
    private let logger: Logger

    /// `rules` hold for the registry, for whom it names as token service, and for where either redirects. `certificateFile`
    /// names certificates (PEM) that are trusted instead of the system's.
    package init(
        rules: AddressRules, group: any EventLoopGroup, logger: Logger, limits: RegistryLimits = RegistryLimits(),
        resolver: HostResolver = .system, certificateFile: String? = nil
    ) {
        self.limits = limits
        self.logger = logger
        http = GuardedHTTP(
            rules: rules, resolver: resolver, group: group, logger: logger, connectTimeout: limits.connectTimeout,
            redirects: limits.redirects, certificateFile: certificateFile)
    }

    /// Finds the configuration and the layers of an image for `platform`. An image that is there for one platform only is
    /// taken for the right one.
    ///
    /// `headers` go to the registry with each request, but for those that say how to send it; an `Authorization` among them
    /// does what the one of `credentials` does. Throws any error but `url` and `platform`; nothing is left over from an
    /// attempt that failed or was cancelled.
    package func resolve(
        _ image: ImageReference, platform: ImagePlatform = .current,
        credentials: RegistryCredentials = RegistryCredentials(), headers: [(String, String)] = []
    ) async throws(RegistryError) -> ResolvedImage {
        let reader = ManifestReader(
            http: http, image: image, credentials: credentials, headers: headers, limits: limits, logger: logger)
        let search = ManifestSearch(reader: reader, platform: platform)
        let found = await withDeadline(limits.timeout) {
            var search = search
            do throws(RegistryError) {
                return Result<ResolvedImage, RegistryError>.success(try await search.image())
            } catch {
                return .failure(error)
            }
        }
        guard let found, !Task.isCancelled else {
            throw .manifest(
                Task.isCancelled
                    ? "the request was cancelled"
                    : "\(image.server) and whom it names did not answer within \(limits.timeout)")
        }
        return try found.get()
    }
}

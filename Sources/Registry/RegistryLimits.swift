/// How much a registry may send, and how long it may take.
package struct RegistryLimits: Hashable, Sendable {
    /// For all of a resolution, every answer and look-up included.
    package var timeout = Duration.seconds(60)
    /// For one connection, TLS not included.
    package var connectTimeout = Duration.seconds(10)
    /// Bytes of a manifest.
    package var manifestSize = 4 << 20
    /// Bytes of what hands out a token.
    package var tokenAnswerSize = 256 << 10
    /// Bytes of a token.
    package var tokenSize = 32 << 10
    /// Layers of an image, and also manifests of an index.
    package var layers = 10_000
    /// Indexes inside each other.
    package var depth = 4
    /// Manifests that are read for one image, the first not included.
    package var manifests = 32
    /// Redirects in a row.
    package var redirects = 5

    /// The usual limits.
    package init() {}
}

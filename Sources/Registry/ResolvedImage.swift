/// What an image is made of.
package struct ResolvedImage: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    /// Something that the registry hands out under its digest.
    package struct Blob: Hashable, Sendable {
        /// Absolute, at the registry.
        package var url: String
        /// `sha256:…` or `sha512:…`; nobody has compared yet.
        package var digest: String
        /// In bytes, as the manifest says, 0 or more.
        package var size: Int64
        /// As the manifest says; may be empty.
        package var mediaType: String
    }

    /// A layer that is not among the blobs.
    package struct Skipped: Hashable, Sendable {
        package var digest: String
        /// One line.
        package var reason: String
    }

    /// What is to be fetched: the configuration first, then the layers in their order; each digest once.
    package var blobs: [Blob]
    /// What the image has besides, and cannot be had from the registry.
    package var skipped: [Skipped]
    /// The value of the `Authorization` header for requests of the blobs; nil if the registry wants none.
    package var authorization: String?
    /// How long that was good when it was handed out, which was within the resolution; nil if nobody says that it ends.
    package var authorizationLifetime: Duration?

    /// Without the authorization, so that no log has it.
    package var description: String { "image of \(blobs.count) blobs" }
    package var debugDescription: String { description }
}

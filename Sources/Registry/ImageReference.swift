/// Which image of which registry: the URL of a manifest, taken apart.
package struct ImageReference: Hashable, Sendable, CustomStringConvertible {
    /// The registry, with nothing but `/` behind it.
    private let registry: WebURL
    /// What stands before `/v2/`, for registries that are part of something larger; mostly empty.
    private let prefix: String
    /// As in `library/alpine`.
    package let repository: String
    /// A tag or a digest.
    package let reference: String
    /// What stands behind the question mark, for mirrors that want to be told more; empty if there is none.
    private let query: String

    /// Reads `scheme://host/v2/<repository>/manifests/<tag or digest>`. Throws `url`.
    package init(_ text: String) throws(RegistryError) {
        guard let url = WebURL(text), !text.contains("#") else {
            throw .url("that is no absolute http or https URL without a user name; \(Self.form)")
        }
        let path = url.path
        let marker = "/manifests"
        guard let version = path.firstRange(of: "/v2/"),
            let slash = path[version.upperBound...].lastIndex(of: "/"),
            path[version.upperBound..<slash].hasSuffix(marker)
        else { throw .url(Self.form) }
        prefix = String(path[..<version.lowerBound])
        repository = String(path[version.upperBound..<slash].dropLast(marker.count))
        reference = String(path[slash...].dropFirst())
        registry = url.with(target: "/")
        query = String(url.query)
        guard Self.isPath(prefix.dropFirst()), prefix.isEmpty || prefix.hasPrefix("/") else { throw .url(Self.form) }
        guard !repository.isEmpty, repository.utf8.count <= 255, Self.isPath(repository[...]) else {
            throw .url("\"\(Printable.text(repository, limit: 80))\" is not the name of a repository")
        }
        guard ImageDigest(reference) != nil || Self.isTag(reference) else {
            throw .url(
                "\"\(Printable.text(reference, limit: 150))\" is neither a tag nor a digest such as sha256:9f86d0…")
        }
    }

    package var description: String { manifestURL(reference).description }

    /// How messages name the registry.
    package var server: String { registry.server }

    /// Whether the registry itself is at `url`.
    func isSameServer(as url: WebURL) -> Bool { registry.isSameServer(as: url) }

    /// Where a manifest of the repository is. `reference` is a tag or a digest.
    func manifestURL(_ reference: String) -> WebURL {
        let query = query.isEmpty ? "" : "?\(query)"
        return registry.with(target: "\(prefix)/v2/\(repository)/manifests/\(reference)\(query)")
    }

    func blobURL(_ digest: ImageDigest) -> WebURL {
        registry.with(target: "\(prefix)/v2/\(repository)/blobs/\(digest)")
    }

    /// Whether credentials would go to the registry in the clear.
    var isSecure: Bool { registry.isSecure }

    private static let form =
        "write the manifest's URL, scheme://host/v2/<repository>/manifests/<tag or digest>"

    /// Names between slashes, none of which leads upwards.
    private static func isPath(_ text: Substring) -> Bool {
        guard !text.isEmpty else { return true }
        return text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty && part != "." && part != ".." && part.utf8.allSatisfy(isNameCharacter)
        }
    }

    private static func isTag(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count) && text.utf8.allSatisfy(isNameCharacter)
            && !text.hasPrefix(".") && !text.hasPrefix("-")
    }

    private static func isNameCharacter(_ character: UInt8) -> Bool {
        switch character {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}

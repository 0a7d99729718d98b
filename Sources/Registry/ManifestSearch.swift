/// Looks for the image of one platform, through indexes and indexes of indexes.
struct ManifestSearch: Sendable {
    private var reader: ManifestReader
    private let platform: ImagePlatform
    private var seen: Set<ImageDigest> = []

    init(reader: ManifestReader, platform: ImagePlatform) {
        self.reader = reader
        self.platform = platform
    }

    mutating func image() async throws(RegistryError) -> ResolvedImage {
        let root = try await reader.manifest(reader.image.reference)
        if let digest = ImageDigest(reader.image.reference) { seen.insert(digest) }
        guard let found = try await search(root, depth: 0) else { throw .noMatch(platform) }
        return resolved(config: found.config, layers: found.layers)
    }

    private typealias Parts = (config: Manifest.Descriptor, layers: [Manifest.Descriptor])

    /// `depth` is the number of indexes around the manifest.
    private mutating func search(_ manifest: Manifest, depth: Int) async throws(RegistryError) -> Parts? {
        switch manifest {
        case .image(let config, let layers): return (config, layers)
        case .index(let entries):
            guard depth < reader.limits.depth else {
                throw .manifest("\(reader.image.server) has indexes within indexes, more than \(reader.limits.depth)")
            }
            for entry in candidates(entries) where seen.insert(entry.digest).inserted {
                guard seen.count <= reader.limits.manifests else {
                    throw .manifest(
                        "\(reader.image.server) has more than \(reader.limits.manifests) manifests to look into")
                }
                let inner = try await reader.manifest(entry.digest.description)
                if let found = try await search(inner, depth: depth + 1) { return found }
            }
            return nil
        }
    }

    /// The entries that may be, or may lead to, what is looked for; the best first.
    private func candidates(_ entries: [Manifest.Descriptor]) -> [Manifest.Descriptor] {
        // Where nobody names a platform, the images are tried as well: some tools leave it out if there is one only.
        let isNamed = entries.contains { $0.platform != nil }
        let ranked: [(distance: Int, place: Int)] = entries.indices.compactMap { place in
            let entry = entries[place]
            if let other = entry.platform { return platform.distance(to: other).map { ($0, place) } }
            return entry.isIndex ? (10, place) : isNamed ? nil : (11, place)
        }
        return ranked.sorted { $0 < $1 }.map { entries[$0.place] }
    }

    private func resolved(config: Manifest.Descriptor, layers: [Manifest.Descriptor]) -> ResolvedImage {
        var image = ResolvedImage(
            blobs: [], skipped: [], authorization: reader.authorization, authorizationLifetime: reader.lifetime)
        var known: Set<ImageDigest> = []
        for part in [config] + layers where known.insert(part.digest).inserted {
            if part.isForeign {
                let type = Printable.text(part.mediaType, limit: 100)
                let reason = "registries do not hand out layers of type \(type)"
                image.skipped.append(.init(digest: part.digest.description, reason: reason))
            } else {
                image.blobs.append(
                    .init(
                        url: reader.image.blobURL(part.digest).description, digest: part.digest.description,
                        size: part.size, mediaType: part.mediaType))
            }
        }
        return image
    }
}

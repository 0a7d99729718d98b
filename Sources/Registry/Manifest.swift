#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a registry says about an image: of what it is made, or for which platforms there are images.
enum Manifest: Sendable {
    case image(config: Descriptor, layers: [Descriptor])
    case index([Descriptor])

    /// Something under a digest.
    struct Descriptor: Decodable, Sendable {
        var mediaType: String
        var digest: ImageDigest
        var size: Int64
        var platform: ImagePlatform?

        /// Layers that are not in the registry, by what their makers say.
        var isForeign: Bool {
            mediaType.hasPrefix("application/vnd.docker.image.rootfs.foreign.")
                || mediaType.hasPrefix("application/vnd.oci.image.layer.nondistributable.")
        }

        var isIndex: Bool { Manifest.indexTypes.contains(mediaType) }

        private enum CodingKeys: CodingKey {
            case mediaType
            case digest
            case size
            case platform
        }

        private enum PlatformKeys: CodingKey {
            case os
            case architecture
            case variant
        }

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            mediaType = try values.decodeIfPresent(String.self, forKey: .mediaType) ?? ""
            guard let digest = ImageDigest(try values.decode(String.self, forKey: .digest)) else {
                throw DecodingError.dataCorruptedError(forKey: .digest, in: values, debugDescription: "no digest")
            }
            self.digest = digest
            size = try values.decode(Int64.self, forKey: .size)
            guard size >= 0 else {
                throw DecodingError.dataCorruptedError(forKey: .size, in: values, debugDescription: "negative")
            }
            guard values.contains(.platform), try !values.decodeNil(forKey: .platform) else { return }
            let platform = try values.nestedContainer(keyedBy: PlatformKeys.self, forKey: .platform)
            self.platform = ImagePlatform(
                system: try platform.decodeIfPresent(String.self, forKey: .os) ?? "",
                architecture: try platform.decodeIfPresent(String.self, forKey: .architecture) ?? "",
                variant: try platform.decodeIfPresent(String.self, forKey: .variant))
        }
    }

    static let indexTypes = [
        "application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json",
    ]
    static let imageTypes = [
        "application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json",
    ]

    /// Reads a manifest of either kind with at most `limit` entries. `contentType` is what its answer said. Throws `Failure`.
    init(_ bytes: [UInt8], contentType: String?, limit: Int) throws(Failure) {
        let decoder = JSONDecoder()
        if let key = Document.limit { decoder.userInfo[key] = limit }
        let document: Document
        do {
            document = try decoder.decode(Document.self, from: Data(bytes))
        } catch let failure as Failure {
            throw failure
        } catch let error as DecodingError {
            throw Failure("it cannot be read\(Self.place(error))")
        } catch {
            throw Failure("it cannot be read")
        }
        let type = document.mediaType ?? contentType.map { String($0.prefix { $0 != ";" }) } ?? ""
        // Two readers could otherwise take the same bytes, with the same digest, for different images.
        guard document.manifests == nil || (document.config == nil && document.layers == nil) else {
            throw Failure("it is an index and an image at once")
        }
        if let manifests = document.manifests, !Self.imageTypes.contains(type) {
            self = .index(manifests)
        } else if let config = document.config, let layers = document.layers, !Self.indexTypes.contains(type) {
            self = .image(config: config, layers: layers)
        } else if document.schemaVersion == 1 {
            throw Failure("its format is schema 1, which is not supported; push the image again with a newer tool")
        } else {
            throw Failure("it is neither an index nor an image")
        }
    }

    /// What is wrong with a manifest. One line.
    struct Failure: Error, CustomStringConvertible {
        var description: String

        init(_ description: String) { self.description = description }
    }

    private static func place(_ error: DecodingError) -> String {
        let context: DecodingError.Context? =
            switch error {
            case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context),
                .dataCorrupted(let context):
                context
            @unknown default: nil
            }
        guard let path = context?.codingPath, !path.isEmpty else { return "" }
        return " at " + path.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
    }

    /// All that either kind may have.
    private struct Document: Decodable {
        static let limit = CodingUserInfoKey(rawValue: "limit")

        var schemaVersion: Int?
        var mediaType: String?
        var manifests: [Descriptor]?
        var config: Descriptor?
        var layers: [Descriptor]?

        private enum CodingKeys: CodingKey {
            case schemaVersion
            case mediaType
            case manifests
            case config
            case layers
        }

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            let limit = Self.limit.flatMap { decoder.userInfo[$0] as? Int } ?? 0
            schemaVersion = try values.decodeIfPresent(Int.self, forKey: .schemaVersion)
            mediaType = try values.decodeIfPresent(String.self, forKey: .mediaType)
            config = try values.decodeIfPresent(Descriptor.self, forKey: .config)
            manifests = try Self.list(values, .manifests, limit)
            layers = try Self.list(values, .layers, limit)
        }

        /// The length is looked at before the first element is read.
        private static func list(
            _ values: KeyedDecodingContainer<CodingKeys>, _ key: CodingKeys, _ limit: Int
        ) throws -> [Descriptor]? {
            guard values.contains(key), try !values.decodeNil(forKey: key) else { return nil }
            var list = try values.nestedUnkeyedContainer(forKey: key)
            guard let count = list.count, count <= limit else {
                throw Failure("it has more than \(limit) \(key.stringValue)")
            }
            var found: [Descriptor] = []
            found.reserveCapacity(count)
            while !list.isAtEnd { found.append(try list.decode(Descriptor.self)) }
            return found
        }
    }
}

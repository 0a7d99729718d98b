import Crypto
import MinionCore
import NIOHTTP1

/// What a registry has: manifests by tag and digest.
struct FakeImages: Sendable {
    struct Manifest: Sendable {
        var text: String
        var type: String

        var digest: String { Self.digest(of: text) }
        var bytes: [UInt8] { Array(text.utf8) }

        static func digest(of text: String) -> String { "sha256:" + Hex.text(SHA256.hash(data: Array(text.utf8))) }
    }

    static let imageType = "application/vnd.oci.image.manifest.v1+json"
    static let indexType = "application/vnd.oci.image.index.v1+json"
    static let layerType = "application/vnd.oci.image.layer.v1.tar+gzip"

    private var manifests: [String: Manifest] = [:]

    /// An image with a configuration and layers, each of which is named by what it is said to hold.
    static func image(_ layers: String..., type layerType: String = layerType) -> Manifest {
        let parts = layers.map { descriptor($0, layerType) }.joined(separator: ",")
        let config = descriptor("config of \(layers)", "application/vnd.oci.image.config.v1+json")
        return Manifest(
            text: #"{"schemaVersion":2,"mediaType":"\#(imageType)","config":\#(config),"layers":[\#(parts)]}"#,
            type: imageType)
    }

    private static func descriptor(_ content: String, _ type: String) -> String {
        #"{"mediaType":"\#(type)","digest":"\#(Manifest.digest(of: content))","size":\#(content.utf8.count)}"#
    }

    /// An index of manifests, each for a platform (`os/arch/variant`) or none (empty text).
    static func index(_ entries: [(platform: String, manifest: Manifest)]) -> Manifest {
        let texts = entries.map { platform, manifest in
            let parts = platform.split(separator: "/")
            let variant = parts.count > 2 ? #","variant":"\#(parts[2])""# : ""
            let shown =
                parts.isEmpty ? "" : #","platform":{"os":"\#(parts[0])","architecture":"\#(parts[1])"\#(variant)}"#
            return #"{"mediaType":"\#(manifest.type)","digest":"\#(manifest.digest)","#
                + #""size":\#(manifest.text.utf8.count)\#(shown)}"#
        }
        return Manifest(
            text: #"{"schemaVersion":2,"mediaType":"\#(indexType)","manifests":[\#(texts.joined(separator: ","))]}"#,
            type: indexType)
    }

    mutating func add(_ manifest: Manifest, as tag: String? = nil) {
        manifests[tag ?? manifest.digest] = manifest
    }

    /// What a registry answers about the repository `some/app`.
    func answer(_ request: FakeServer.Request) -> FakeServer.Answer {
        let start = "/v2/some/app/manifests/"
        guard request.path.hasPrefix(start), let manifest = manifests[String(request.path.dropFirst(start.count))]
        else {
            return .text(#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#, status: 404)
        }
        return FakeServer.Answer(
            headers: [
                "Content-Type": manifest.type,
                "Docker-Content-Digest": FakeImages.Manifest.digest(of: manifest.text),
            ], body: .bytes(manifest.bytes))
    }
}

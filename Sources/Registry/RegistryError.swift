/// Why an image cannot be resolved. The texts are one line and hold neither passwords nor tokens.
package enum RegistryError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The URL names no manifest of a registry.
    case url(String)
    /// The text is no platform.
    case platform(String)
    /// The registry, or who hands out its tokens, does not let us in.
    case authentication(String)
    /// The manifest could not be had, or is not one.
    case manifest(String)
    /// The image is there, but not for this platform.
    case noMatch(ImagePlatform)

    package var description: String {
        switch self {
        case .url(let reason): "parse access url failed: \(reason)"
        case .platform(let text):
            "invalid platform format \"\(Printable.text(text, limit: 80))\", expected os/arch[/variant]"
        case .authentication(let reason): "failed to authenticate with registry: \(reason)"
        case .manifest(let reason): "failed to pull image manifest: \(reason)"
        case .noMatch(let platform): "no matching manifest for platform \(platform)"
        }
    }
}

/// Text from outside for a message of one line.
enum Printable {
    /// ASCII that can be seen and spaces, cut to `limit` characters.
    static func text(_ text: String, limit: Int) -> String {
        String(text.unicodeScalars.prefix(limit).map { (32..<127).contains($0.value) ? Character($0) : "?" })
    }
}

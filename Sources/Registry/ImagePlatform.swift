/// For which machines an image is.
package struct ImagePlatform: Hashable, Sendable, CustomStringConvertible {
    /// As in `linux`.
    package let system: String
    /// As in `amd64`.
    package let architecture: String
    /// As in `v7`; nil for the usual one of the architecture.
    package let variant: String?

    /// Reads `os/arch` or `os/arch/variant`, with the usual other names of architectures. Throws `platform`.
    package init(_ text: String) throws(RegistryError) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let isWord = { (part: Substring) in
            (1...32).contains(part.utf8.count)
                && part.utf8.allSatisfy { character in
                    switch character {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
                        true
                    default: false
                    }
                }
        }
        guard (2...3).contains(parts.count), parts.allSatisfy(isWord) else { throw .platform(text) }
        self.init(
            system: String(parts[0]), architecture: String(parts[1]), variant: parts.count > 2 ? String(parts[2]) : nil)
    }

    /// The parts as a manifest has them; an empty variant is none.
    init(system: String, architecture: String, variant: String?) {
        self.system = system.lowercased()
        let variant = variant.flatMap { $0.isEmpty ? nil : $0.lowercased() }
        switch (architecture.lowercased(), variant) {
        case ("x86_64", let variant), ("x86-64", let variant), ("amd64", let variant):
            (self.architecture, self.variant) = ("amd64", variant == "v1" ? nil : variant)
        case ("aarch64", let variant), ("arm64", let variant):
            (self.architecture, self.variant) = ("arm64", variant == "v8" || variant == "8" ? nil : variant)
        case ("armhf", nil): (self.architecture, self.variant) = ("arm", "v7")
        case ("armel", nil): (self.architecture, self.variant) = ("arm", "v6")
        case ("arm", let variant?):
            (self.architecture, self.variant) = ("arm", variant.hasPrefix("v") ? variant : "v\(variant)")
        case ("i386", let variant), ("i686", let variant): (self.architecture, self.variant) = ("386", variant)
        case (let other, let variant): (self.architecture, self.variant) = (other, variant)
        }
    }

    /// Images for machines like this one. Images are made for Linux, whatever this runs on.
    package static var current: ImagePlatform {
        #if arch(arm64)
            ImagePlatform(system: "linux", architecture: "arm64", variant: nil)
        #elseif arch(arm)
            ImagePlatform(system: "linux", architecture: "arm", variant: "v7")
        #elseif arch(i386)
            ImagePlatform(system: "linux", architecture: "386", variant: nil)
        #else
            ImagePlatform(system: "linux", architecture: "amd64", variant: nil)
        #endif
    }

    /// `os/arch` or `os/arch/variant`.
    package var description: String {
        "\(system)/\(architecture)" + (variant.map { "/\($0)" } ?? "")
    }

    /// How well an image of another platform does for this one: 0 is best, nil not at all.
    func distance(to other: ImagePlatform) -> Int? {
        guard system == other.system, architecture == other.architecture else { return nil }
        if variant == other.variant { return 0 }
        // Nobody said which ARM: the seventh is what still is in use.
        if variant == nil { return other.variant == "v7" ? 1 : 2 }
        // What is for all machines of the architecture is also for these.
        return other.variant == nil ? 3 : nil
    }
}

import Fleet
import MinionCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What can be told of the machine and its system.
package enum HostSystem {
    /// The machine's name, as it has it itself.
    package static var hostName: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
        let name = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return name.isEmpty ? "localhost" : name
    }

    /// Fills in what the system says of itself. Blocks for a moment.
    static func describe(_ facts: inout HostFacts) {
        var names = utsname()
        if uname(&names) == 0 {
            facts.system = text(of: names.sysname).lowercased()
            facts.kernelVersion = text(of: names.release)
            facts.buildPlatform = facts.system + "/" + text(of: names.machine)
        }
        guard let release = try? Data(contentsOf: URL(fileURLWithPath: "/etc/os-release")), release.count < 64 << 10
        else { return }
        let fields = osRelease(String(decoding: release, as: UTF8.self))
        facts.platform = fields["ID"] ?? ""
        facts.platformFamily = fields["ID_LIKE"] ?? facts.platform
        facts.platformVersion = fields["VERSION_ID"] ?? ""
    }

    /// The fields of os-release(5).
    static func osRelease(_ text: String) -> [String: String] {
        var fields: [String: String] = [:]
        for line in text.split(separator: "\n") {
            guard let sign = line.firstIndex(of: "="), !line.hasPrefix("#") else { continue }
            var value = line[line.index(after: sign)...]
            if value.count >= 2, let quote = value.first, quote == "\"" || quote == "'", value.last == quote {
                value = value.dropFirst().dropLast()
            }
            fields[String(line[..<sign])] = String(value.prefix(100))
        }
        return fields
    }

    private static func text(of field: some Any) -> String {
        withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

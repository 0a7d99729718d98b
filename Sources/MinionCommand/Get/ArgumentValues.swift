import ArgumentParser
package import MinionCore
import PieceStore

/// Readers of single option values. Each throws a `ValidationError` that says what is accepted; the parser puts the flag
/// and the value before it.
package enum ArgumentValues {
    package static func rate(_ text: String) throws -> ByteRate {
        guard let rate = ByteRate(text) else {
            throw ValidationError("give bytes a second such as 512K, 10M or 1.5G, or bits such as 80mbit")
        }
        return rate
    }

    package static func size(_ text: String) throws -> ByteSize {
        guard let size = ByteSize(text), size.bytes > 0 else {
            throw ValidationError("give a size such as 512K, 64M or 1.5G")
        }
        return size
    }

    /// Zero or more seconds, up to ten years.
    package static func seconds(_ text: String) throws -> Duration {
        guard let seconds = plainNumber(text), seconds <= 315_360_000 else {
            throw ValidationError("give seconds, 0 or more, such as 60")
        }
        return .inSeconds(seconds)
    }

    package static func timeout(_ text: String) throws -> Duration {
        guard let seconds = plainNumber(text), seconds > 0, seconds <= 315_360_000 else {
            throw ValidationError("give more than 0 seconds, such as 30 or 2.5")
        }
        return .inSeconds(seconds)
    }

    package static func verbosity(_ text: String) throws -> Int {
        guard let level = Int(text), (0...2).contains(level) else {
            throw ValidationError("give 0 (errors), 1 (information) or 2 (everything)")
        }
        return level
    }

    /// Text that becomes part of a task's identity or of a message: at most 1,000 bytes, no control characters.
    package static func label(_ text: String) throws -> String {
        guard text.utf8.count <= 1000, !text.hasControlCharacters else {
            throw ValidationError("give at most 1000 bytes without control characters")
        }
        return text
    }

    /// One name, or several with commas between.
    package static func parameterNames(_ text: String) throws -> [String] {
        let names = text.split(separator: ",").map { $0.trimmingSpaces() }.filter { !$0.isEmpty }
        guard !names.isEmpty, !text.hasControlCharacters else {
            throw ValidationError("give names of query parameters, such as token or token,expires")
        }
        return names
    }

    /// `sha256:<hex>` and the like, to its usual form in lower case.
    package static func digest(_ text: String) throws -> String {
        do {
            return try ContentDigest(text).description
        } catch {
            throw ValidationError("\(error)")
        }
    }

    /// The address that the piece server listens on: `port`, `:port`, `host:port`, `[v6]:port` or `host`.
    package static func listen(_ text: String) throws -> String {
        if let address = Endpoint(listening: text, defaultPort: 0) { return address.description }
        throw ValidationError("give HOST:PORT or :PORT; port 0 picks a free one")
    }

    package static func advertise(_ text: String) throws -> String {
        guard Endpoint(text, defaultPort: 0) != nil else {
            throw ValidationError("give the HOST or HOST:PORT that other machines reach this one at")
        }
        return text
    }

    /// What a manager hands out to those who may join a fleet: one word.
    package static func joinToken(_ text: String) throws -> String {
        guard (1...200).contains(text.utf8.count), text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw ValidationError("give the token as the manager showed it, such as mnj_...")
        }
        return text
    }

    /// One entry of a list of addresses: see `AddressRules.allowances`.
    package static func addresses(_ text: String) throws -> String {
        do {
            _ = try AddressRules.allowances(text)
            return text
        } catch {
            throw ValidationError("\(error)")
        }
    }

    /// Digits with at most one point: no sign, no exponent.
    private static func plainNumber(_ text: String) -> Double? {
        guard !text.isEmpty, text.utf8.count <= 20,
            text.utf8.allSatisfy({ (48...57).contains($0) || $0 == UInt8(ascii: ".") })
        else { return nil }
        return Double(text)
    }
}

extension Substring {
    func trimmingSpaces() -> String {
        var text = self
        while text.first == " " || text.first == "\t" { text.removeFirst() }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return String(text)
    }
}

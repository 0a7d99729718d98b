/// One range of an HTTP `Range: bytes=…` header (RFC 9110, 14.1.2).
package enum ByteRangeSpec: Hashable, Sendable {
    /// `a-b`, both ends included.
    case closed(Int64, Int64)
    /// `a-`
    case from(Int64)
    /// `-n`: the last n bytes.
    case suffix(Int64)

    /// The bytes it means in `size` bytes; nil if there are none.
    package func resolved(in size: Int64) -> Range<Int64>? {
        switch self {
        case .closed(let first, let last): first < size ? first..<min(last, size - 1) + 1 : nil
        case .from(let first): first < size ? first..<size : nil
        case .suffix(let count): count > 0 && size > 0 ? max(0, size - count)..<size : nil
        }
    }

    /// Reads a header's value. Nil if it is not in bytes or not well formed, in which case it is to be ignored; no more
    /// than `limit` ranges are accepted.
    package static func parse(_ header: String, limit: Int = 256) -> [ByteRangeSpec]? {
        guard let equals = header.firstIndex(of: "="),
            header[..<equals].lowercased().filter({ $0 != " " }) == "bytes"
        else { return nil }
        let parts = header[header.index(after: equals)...].split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count <= limit else { return nil }
        var specs: [ByteRangeSpec] = []
        for part in parts {
            let part = part.filter { $0 != " " && $0 != "\t" }
            guard let dash = part.firstIndex(of: "-") else { return nil }
            let first = part[..<dash]
            let last = part[part.index(after: dash)...]
            switch (first.isEmpty, last.isEmpty) {
            case (true, true): return nil
            case (true, false):
                guard let count = number(last) else { return nil }
                specs.append(.suffix(count))
            case (false, true):
                guard let start = number(first) else { return nil }
                specs.append(.from(start))
            case (false, false):
                guard let start = number(first), let end = number(last), start <= end else { return nil }
                specs.append(.closed(start, end))
            }
        }
        return specs
    }

    /// Digits only; a number past 64 bits means "past any end".
    private static func number(_ text: Substring) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return min(Int64(text) ?? .max, .max - 1)
    }

    private static func number(_ text: String) -> Int64? { number(text[...]) }
}

/// The value of a `Content-Range` header of a 206 or 416.
package struct ContentRange: Hashable, Sendable {
    /// Nil for `bytes */size`.
    package let range: Range<Int64>?
    /// Nil for `bytes a-b/*`.
    package let size: Int64?

    package init?(_ header: String) {
        let text = header.drop { $0 == " " }
        guard text.lowercased().hasPrefix("bytes") else { return nil }
        let parts = text.dropFirst(5).drop { $0 == " " || $0 == "=" }.split(
            separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        if parts[1] == "*" {
            size = nil
        } else {
            guard let value = Int64(parts[1]), value >= 0 else { return nil }
            size = value
        }
        if parts[0] == "*" {
            range = nil
            return
        }
        let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = Int64(ends[0]), let last = Int64(ends[1]), first >= 0, last >= first,
            last < size ?? .max
        else { return nil }
        range = first..<last + 1
    }
}

import HTTPTypes
package import ManagerStore
import MinionCore

/// The header field that leads through the pages of a list.
package enum Pagination {
    /// `</path?page=1&per_page=10>;rel=prev,…`: previous, next, first and last page.
    ///
    /// - Parameter query: as it came; other parameters than the page are kept.
    package static func link(path: String, query: String, page: Page, total: Int) -> String {
        let last = total / page.size + (total % page.size == 0 ? 0 : 1)
        // Without rows, the next page of the first one is 2: clients know it so.
        let next = total == 0 ? page.number + 1 : min(page.number + 1, last)
        let pages = [("prev", max(page.number - 1, 1)), ("next", next), ("first", 1), ("last", last)]
        let others = QueryString.parameters(of: query).filter { $0.name != "page" && $0.name != "per_page" }
        return pages.map { name, number in
            let all = others + [("page", "\(number)"), ("per_page", "\(page.size)")]
            // Sorted by name; several of one name stay in their order.
            let sorted = all.enumerated().sorted { a, b in
                a.element.name != b.element.name ? a.element.name < b.element.name : a.offset < b.offset
            }.map(\.element)
            return "<\(path)?\(QueryString.text(of: sorted))>;rel=\(name)"
        }.joined(separator: ",")
    }
}

/// The part of a URL behind `?`.
package enum QueryString {
    package typealias Parameter = (name: String, value: String)

    /// Parameters that are read at most.
    private static let maximum = 100

    /// What a query says, in order; a part that is not percent-encoded UTF-8 is left out.
    package static func parameters(of query: String) -> [Parameter] {
        query.split(separator: "&").prefix(maximum).compactMap { part in
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = decode(pair[0], plusIsSpace: true),
                let value = pair.count > 1 ? decode(pair[1], plusIsSpace: true) : ""
            else { return nil }
            return (name, value)
        }
    }

    /// Whether every part is percent-encoded UTF-8 without NUL.
    package static func isText(_ query: String) -> Bool {
        query.split(whereSeparator: { $0 == "&" || $0 == "=" }).allSatisfy { decode($0, plusIsSpace: true) != nil }
    }

    package static func text(of parameters: [Parameter]) -> String {
        parameters.map { "\(encode($0.name))=\(encode($0.value))" }.joined(separator: "&")
    }

    /// Nil if it is not percent-encoded UTF-8, or has a NUL.
    package static func decode(_ text: some StringProtocol, plusIsSpace: Bool = false) -> String? {
        var bytes: [UInt8] = []
        var utf8 = text.utf8.makeIterator()
        while let byte = utf8.next() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = utf8.next().flatMap(Hex.value), let low = utf8.next().flatMap(Hex.value) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
            default: bytes.append(byte)
            }
        }
        return bytes.contains(0) ? nil : String(validating: bytes, as: UTF8.self)
    }

    package static func encode(_ text: String) -> String {
        var out = ""
        for byte in text.utf8 {
            switch byte {
            case 48...57, 65...90, 97...122, UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "~"):
                out.unicodeScalars.append(Unicode.Scalar(byte))
            case UInt8(ascii: " "): out += "+"
            default: out += "%" + Hex.text([byte]).uppercased()
            }
        }
        return out
    }
}

extension Call {
    /// Rows that are read and written at once; what is longer is sent in parts, so that it need not be in memory.
    private static let chunk = 5000

    /// The answer of a list: a bare array, with the header field that leads through its pages.
    ///
    /// - Parameter load: reads one page.
    func list<Model>(
        as output: Output<Model>, _ load: @escaping @Sendable (Page) async throws -> Listing<Model>
    ) async throws -> Reply {
        let page = page
        let isWhole = page.number == 1 && page.size > Self.chunk
        let first = try await load(isWhole ? Page(number: 1, size: Self.chunk) : page)
        let link = Pagination.link(path: facts.path, query: facts.query, page: page, total: first.total)
        let wanted = min(page.size, first.total)
        var reply: Reply
        if isWhole, wanted > Self.chunk {
            let parts = ListParts(output: output, first: first.elements, wanted: wanted, chunk: Self.chunk, load: load)
            reply = Reply(status: .ok, headers: [.contentType: Reply.jsonType])
            reply.body = .parts { try await parts.next() }
        } else {
            reply = .json { $0.array { for model in first.elements { output.write(model, to: &$0) } } }
        }
        reply.headers[.link] = link
        return reply
    }
}

/// A long list, part by part.
private actor ListParts<Model: Sendable> {
    private let output: Output<Model>
    private let chunk: Int
    private let load: @Sendable (Page) async throws -> Listing<Model>
    private var pending: [Model]?
    private var left: Int
    private var page = 1
    private var writer = JSONWriter(capacity: 1 << 20)
    private var isOver = false

    init(
        output: Output<Model>, first: [Model], wanted: Int, chunk: Int,
        load: @escaping @Sendable (Page) async throws -> Listing<Model>
    ) {
        self.output = output
        self.chunk = chunk
        self.load = load
        pending = first
        left = wanted
        writer.begin(UInt8(ascii: "["))
    }

    func next() async throws -> [UInt8]? {
        guard !isOver else { return nil }
        if pending == nil {
            page += 1
            pending = try await load(Page(number: page, size: chunk)).elements
        }
        let models = (pending ?? []).prefix(left)
        pending = nil
        left -= models.count
        for model in models { output.write(model, to: &writer) }
        if left == 0 || models.count < chunk {
            writer.end(UInt8(ascii: "]"))
            isOver = true
        }
        return writer.take()
    }
}

extension HTTPField.Name {
    // The names are valid ones.
    // swift-format-ignore: NeverForceUnwrap
    static let link = HTTPField.Name("Link")!
    // swift-format-ignore: NeverForceUnwrap
    static let serverIP = HTTPField.Name("X-Server-IP")!
}

package import Swarm

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Turns messages into JSON and back. What comes back has been checked.
package enum WireJSON {
    private static let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        // A number that is none is for the receiver to refuse, not for the sender to crash on.
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return encoder
    }()

    private static let decoder = JSONDecoder()

    package static func encode(_ report: PeerReport) -> [UInt8] { JSONWriter.bytes(of: report) }
    package static func encode(_ reply: TrackerReply) -> [UInt8] { JSONWriter.bytes(of: reply) }

    /// Reads and checks a report.
    package static func report(from bytes: UnsafeRawBufferPointer) throws(WireError) -> PeerReport {
        if bytes.count <= WireLimits.reportBytes, let report = JSONReader.report(bytes) {
            return try report.validated()
        }
        return try decode(PeerReport.self, from: bytes, limit: WireLimits.reportBytes).validated()
    }

    package static func report(from bytes: [UInt8]) throws(WireError) -> PeerReport {
        // `withUnsafeBytes` does not carry typed errors through.
        try bytes.withUnsafeBytes { buffer in
            Result { () throws(WireError) in try report(from: buffer) }
        }.get()
    }

    /// Reads and checks a reply. A tracker may be broken, or none at all.
    package static func reply(from bytes: UnsafeRawBufferPointer) throws(WireError) -> TrackerReply {
        try decode(TrackerReply.self, from: bytes, limit: WireLimits.replyBytes).validated()
    }

    package static func reply(from bytes: [UInt8]) throws(WireError) -> TrackerReply {
        try decode(TrackerReply.self, from: bytes, limit: WireLimits.replyBytes).validated()
    }

    /// Reads a page of a task's peers, for people.
    package static func peerPage(from bytes: [UInt8]) throws(WireError) -> PeerPage {
        let page = try decode(PeerPage.self, from: bytes, limit: WireLimits.peerPageBytes)
        guard page.peers.count <= WireLimits.peersPerPage else {
            throw WireError("peers has \(page.peers.count) entries; \(WireLimits.peersPerPage) are allowed")
        }
        return page
    }

    /// The JSON of a value made of strings, numbers, lists and such values, whose encoding cannot fail.
    package static func encodeMessage(_ value: some Encodable) -> [UInt8] {
        do {
            return Array(try encoder.encode(value))
        } catch {
            preconditionFailure("\(type(of: value)) does not encode: \(error)")
        }
    }

    /// Reads any message. Whether its values make sense is for the caller to see.
    package static func decode<Value: Decodable>(
        _ type: Value.Type, from bytes: [UInt8], limit: Int
    ) throws(WireError) -> Value {
        // `withUnsafeBytes` does not carry typed errors through.
        try bytes.withUnsafeBytes { buffer in
            Result { () throws(WireError) in try decode(type, from: buffer, limit: limit) }
        }.get()
    }

    package static func decode<Value: Decodable>(
        _ type: Value.Type, from bytes: UnsafeRawBufferPointer, limit: Int
    ) throws(WireError) -> Value {
        guard bytes.count <= limit else {
            throw WireError("the message has \(bytes.count) bytes; \(limit) are allowed")
        }
        guard let start = bytes.baseAddress, !bytes.isEmpty else {
            throw WireError("the message is empty; JSON is expected")
        }
        // The decoder has done with the bytes when it returns, and does not write to them.
        let data = Data(
            bytesNoCopy: UnsafeMutableRawPointer(mutating: start), count: bytes.count, deallocator: .none)
        do {
            return try decoder.decode(type, from: data)
        } catch let error as DecodingError {
            throw WireError(explanation(of: error))
        } catch {
            throw WireError("the message is not JSON")
        }
    }

    private static func explanation(of error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, let context): "\(place(context.codingPath + [key])) is missing"
        case .valueNotFound(_, let context): "\(place(context.codingPath)) is null"
        case .typeMismatch(let type, let context): "\(place(context.codingPath)) is no \(type)"
        case .dataCorrupted(let context):
            context.codingPath.isEmpty
                ? "the message is not JSON" : "\(place(context.codingPath)) is \(context.debugDescription)"
        @unknown default: "the message is not as expected"
        }
    }

    /// `introduction.endpoint`, `fetched[3].h`; long names are cut, since they may come from a network.
    private static func place(_ path: [any CodingKey]) -> String {
        var text = ""
        for key in path.prefix(8) {
            if let index = key.intValue {
                text += "[\(index)]"
            } else {
                text += (text.isEmpty ? "" : ".") + key.stringValue.prefix(64)
            }
        }
        return text.isEmpty ? "the message" : text
    }
}

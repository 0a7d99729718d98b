import ArgumentParser
package import Node

extension ArgumentValues {
    /// Fields that describe one connection or one request and that minion sets itself, or that would make the answer
    /// differ from what other machines get under the same name.
    private static let ownFields: [String: String] = [
        "host": "put the host into the URL: files are shared under the URL's name",
        "range": "minion asks for the ranges that it needs",
        "if-range": "minion checks itself whether the file changed",
        "if-match": "minion checks itself whether the file changed",
        "if-none-match": "minion checks itself whether the file changed",
        "if-modified-since": "minion checks itself whether the file changed",
        "if-unmodified-since": "minion checks itself whether the file changed",
        "accept-encoding": "all machines must get the same bytes, so nothing is compressed on the way",
        "content-length": "a request for a file has no body",
        "expect": "a request for a file has no body",
        "transfer-encoding": "it belongs to a connection, not to a request for a file",
        "connection": "it belongs to a connection, not to a request for a file",
        "proxy-connection": "it belongs to a connection, not to a request for a file",
        "keep-alive": "it belongs to a connection, not to a request for a file",
        "te": "it belongs to a connection, not to a request for a file",
        "trailer": "it belongs to a connection, not to a request for a file",
        "upgrade": "it belongs to a connection, not to a request for a file",
    ]

    /// `Name: value`, as curl takes it.
    package static func header(_ text: String) throws -> DownloadRequest.Header {
        guard let colon = text.firstIndex(of: ":") else { throw ValidationError("give 'Name: value'") }
        let name = String(text[..<colon])
        let value = text[text.index(after: colon)...].trimmingSpaces()
        guard !name.isEmpty, name.utf8.allSatisfy(isTokenCharacter) else {
            throw ValidationError("give 'Name: value'; a name has letters, digits and - but no spaces")
        }
        guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }) else {
            throw ValidationError("a header's value is one line without control characters")
        }
        guard text.utf8.count <= 16 << 10 else { throw ValidationError("a header has at most 16384 bytes") }
        if let reason = ownFields[name.lowercased()] {
            throw ValidationError("\(name) cannot be set: \(reason)")
        }
        return DownloadRequest.Header(name: name, value: value)
    }

    /// RFC 9110, 5.6.2.
    private static func isTokenCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, 65...90, 97...122: true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}

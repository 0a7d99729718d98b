/// What makes two requests ask for the same thing. Its canonical bytes are hashed to the task's id.
package struct TaskIdentity: Hashable, Sendable {
    /// The URL without fragment and without the query parameters that are ignored; also the name under which trackers
    /// of old Minion clients know the task.
    package let resource: String
    package let tag: String
    package let application: String
    /// What decides who may have the content: header fields such as `Authorization`, in lower-case names and sorted, and
    /// the URL's own user and password. They are part of the identity, so that nobody gets from peers what the source
    /// would refuse.
    package let credentials: [String]
    /// The resource as strangers may know it: empty if the content is not for everybody. Such a task is listed nowhere,
    /// and nobody gets it who does not know its id.
    package var publicResource: String { credentials.isEmpty ? resource : "" }

    package init(
        url: String, ignoring parameters: Set<String> = Self.signatureParameters, tag: String = "",
        application: String = "", headers: [(name: String, value: String)] = []
    ) {
        resource = Self.resource(url: url, ignoring: parameters)
        self.tag = tag
        self.application = application
        let secrets = headers.map { (name: $0.name.lowercased(), value: $0.value) }
            .filter { Self.credentialHeaders.contains($0.name) }.map { "\($0.name):\($0.value)" }
        let userInfo = Self.splitUserInfo(url).userInfo.map { ["user:\($0)"] } ?? []
        credentials = (secrets + userInfo).sorted()
    }

    /// How names begin of what somebody shares without a source.
    package static let namePrefix = "minion:"

    /// Whether this names something that no source has, as in `minion:data`, and is no URL.
    package static func isName(_ text: String) -> Bool { text.hasPrefix(namePrefix) }

    package static let credentialHeaders: Set<String> = ["authorization", "cookie", "x-api-key", "private-token"]

    /// Query parameters of signed URLs, which differ from request to request for the same object; and containerd's `ns`.
    package static let signatureParameters: Set<String> = [
        "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders",
        "X-Amz-Signature", "X-Amz-Security-Token", "X-Amz-User-Agent",
        "X-Goog-Algorithm", "X-Goog-Credential", "X-Goog-Date", "X-Goog-Expires", "X-Goog-SignedHeaders",
        "X-Goog-Signature",
        "OSSAccessKeyId", "Expires", "Signature", "SecurityToken",
        "AccessKeyId", "X-Obs-Date", "X-Obs-Security-Token",
        "q-sign-algorithm", "q-ak", "q-sign-time", "q-key-time", "q-header-list", "q-url-param-list", "q-signature",
        "x-cos-security-token", "ns",
    ]

    /// `user:password` of a URL, and the URL without it.
    private static func splitUserInfo(_ url: String) -> (userInfo: Substring?, rest: String) {
        guard !isName(url), let separator = url.firstRange(of: "://") else { return (nil, url) }
        let authority = url[separator.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard let at = authority.lastIndex(of: "@") else { return (nil, url) }
        return (authority[..<at], String(url[..<separator.upperBound]) + String(url[url.index(after: at)...]))
    }

    /// The URL with scheme and host in lower case and without user, password, fragment, default port and ignored
    /// parameters. The other parameters keep their order and their spelling. A name stays as it is.
    package static func resource(url: String, ignoring parameters: Set<String>) -> String {
        guard !isName(url) else { return url }
        var text = splitUserInfo(url).rest[...]
        if let hash = text.firstIndex(of: "#") { text = text[..<hash] }
        var query: Substring?
        if let mark = text.firstIndex(of: "?") {
            query = text[text.index(after: mark)...]
            text = text[..<mark]
        }
        var result = String(text)
        if let separator = text.firstRange(of: "://") {
            let scheme = text[..<separator.lowerBound].lowercased()
            let rest = text[separator.upperBound...]
            let slash = rest.firstIndex(of: "/") ?? rest.endIndex
            var authority = rest[..<slash].lowercased()
            let defaultPort = scheme == "https" ? ":443" : scheme == "http" ? ":80" : nil
            if let defaultPort, authority.hasSuffix(defaultPort) { authority.removeLast(defaultPort.count) }
            result = scheme + "://" + authority + (slash == rest.endIndex ? "/" : rest[slash...])
        }
        if let query {
            let kept = query.split(separator: "&").filter { part in
                !parameters.contains(decoded(part.prefix { $0 != "=" }))
            }
            if !kept.isEmpty { result += "?" + kept.joined(separator: "&") }
        }
        return result
    }

    private static func decoded(_ text: Substring) -> String {
        var out: [UInt8] = []
        var bytes = Array(text.utf8)[...]
        while let byte = bytes.popFirst() {
            if byte == UInt8(ascii: "%"), bytes.count >= 2, let high = Hex.value(bytes[bytes.startIndex]),
                let low = Hex.value(bytes[bytes.startIndex + 1])
            {
                out.append(high << 4 | low)
                bytes.removeFirst(2)
            } else {
                out.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Every part with its length before it, so that no two identities have the same bytes.
    package var canonicalBytes: [UInt8] {
        var out = Array("minion-task-1\n".utf8)
        for part in [resource, tag, application] + credentials {
            out += Array("\(part.utf8.count):".utf8) + Array(part.utf8)
        }
        return out
    }
}

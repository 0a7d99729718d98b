/// Which image of which registry, and who asks.
package struct ImageOrder: Sendable {
    /// Of the manifest.
    package var url: String
    /// `linux/amd64`; empty: that of this machine.
    package var platform: String
    package var username: String
    package var password: String
    package var headers: [(name: String, value: String)]

    init(_ arguments: JSONObject) {
        let text = { (key: String) in arguments[key]?.string ?? "" }
        url = text("url")
        platform = text("platform")
        username = text("username")
        password = text("password")
        headers = (arguments["headers"]?.object?.members ?? []).compactMap { member in
            member.value.string.map { (member.key, $0) }
        }
    }
}

/// What an image is made of.
package struct ImageParts: Hashable, Sendable {
    /// Of its configuration and its layers.
    package var urls: [String]
    /// The value of `Authorization` for them; nil if the registry wants none.
    package var authorization: String?

    package init(urls: [String], authorization: String? = nil) {
        self.urls = urls
        self.authorization = authorization
    }
}

/// Who knows what images are made of.
package protocol ImageSource: Sendable {
    /// Throws `Refusal`, in the words of the interface and without secrets.
    func parts(of order: ImageOrder) async throws(Refusal) -> ImageParts
}

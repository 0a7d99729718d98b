/// Somebody who vouches for users. Empty addresses stand for the usual ones of the provider.
package struct OAuthProvider: Record {
    package var id: Int64
    package var createdAt: Timestamp
    package var updatedAt: Timestamp
    /// Unique.
    package var name: String
    package var bio: String
    /// Unique.
    package var clientID: String
    /// Never shown.
    package var clientSecret: String
    package var redirectURL: String
    package var authorizeURL: String
    package var tokenURL: String
    package var profileURL: String

    package enum Column: String, CaseIterable, Sendable {
        case name
        case bio
        case clientID = "client_id"
        case clientSecret = "client_secret"
        case redirectURL = "redirect_url"
        case authorizeURL = "authorize_url"
        case tokenURL = "token_url"
        case profileURL = "profile_url"
    }

    package static let table = "oauth_providers"
    package static let kind = "oauth"

    package init(
        name: String, bio: String = "", clientID: String, clientSecret: String, redirectURL: String = "",
        authorizeURL: String = "", tokenURL: String = "", profileURL: String = "", id: Int64 = 0,
        createdAt: Timestamp = .unset, updatedAt: Timestamp = .unset
    ) {
        self.id = id
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.name = name
        self.bio = bio
        self.clientID = clientID
        self.clientSecret = clientSecret
        self.redirectURL = redirectURL
        self.authorizeURL = authorizeURL
        self.tokenURL = tokenURL
        self.profileURL = profileURL
    }

    package init(from row: inout RowReader) throws(StoreError) {
        id = try row.integer()
        createdAt = try row.time()
        updatedAt = try row.time()
        name = try row.text()
        bio = try row.text()
        clientID = try row.text()
        clientSecret = try row.text()
        redirectURL = try row.text()
        authorizeURL = try row.text()
        tokenURL = try row.text()
        profileURL = try row.text()
    }

    package func value(of column: Column) -> SQLValue {
        switch column {
        case .name: name.sqlValue
        case .bio: bio.sqlValue
        case .clientID: clientID.sqlValue
        case .clientSecret: clientSecret.sqlValue
        case .redirectURL: redirectURL.sqlValue
        case .authorizeURL: authorizeURL.sqlValue
        case .tokenURL: tokenURL.sqlValue
        case .profileURL: profileURL.sqlValue
        }
    }
}

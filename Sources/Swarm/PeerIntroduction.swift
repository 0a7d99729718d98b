package import MinionCore

/// What a peer says about itself when it joins a task.
package struct PeerIntroduction: Hashable, Codable, Sendable {
    /// Where its piece server listens. The host may be empty: then the tracker takes the address that the report came from.
    package var endpoint: Endpoint
    /// What is distributed, for people and for old Minion clients: the URL without its ignored parameters.
    package var resource: String
    /// The place it is at (a data centre, say); empty if unknown. Peers of one site are introduced to each other first.
    package var site: String
    /// Where that is, as elements between `|`, the most general first: `asia|cn|hz`; empty if unknown. The more leading
    /// elements two peers have in common, the sooner they are introduced to each other.
    package var location: String
    /// Whether it is there to serve others: a node that stays, on a machine with a good link. Newcomers are introduced to
    /// one, and seeds are the first to read the source.
    package var isSeed: Bool
    /// Whether it may read the source.
    package var canFetch: Bool
    /// Whether it serves others. One that does not is introduced to nobody.
    package var canUpload: Bool
    /// Proves in later reports that they come from the same node; drawn at random, never passed on.
    package var secret: String

    package init(
        endpoint: Endpoint, resource: String = "", site: String = "", location: String = "", isSeed: Bool = false,
        canFetch: Bool = true, canUpload: Bool = true, secret: String = ""
    ) {
        self.endpoint = endpoint
        self.resource = resource
        self.site = site
        self.location = location
        self.isSeed = isSeed
        self.canFetch = canFetch
        self.canUpload = canUpload
        self.secret = secret
    }

    /// `location` and `isSeed` may be left out: not every version of minion knows them.
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        endpoint = try fields.decode(Endpoint.self, forKey: .endpoint)
        resource = try fields.decode(String.self, forKey: .resource)
        site = try fields.decode(String.self, forKey: .site)
        location = try fields.decodeIfPresent(String.self, forKey: .location) ?? ""
        isSeed = try fields.decodeIfPresent(Bool.self, forKey: .isSeed) ?? false
        canFetch = try fields.decode(Bool.self, forKey: .canFetch)
        canUpload = try fields.decode(Bool.self, forKey: .canUpload)
        secret = try fields.decode(String.self, forKey: .secret)
    }
}

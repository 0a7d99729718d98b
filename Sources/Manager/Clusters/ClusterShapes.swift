/// The objects that configure clusters.
enum ClusterShapes {
    private static func list(_ key: String, max: Int = 1024, format: TextRule.Format? = nil) -> FieldRule {
        let rule = TextRule(minimum: 1, maximum: max, format: format)
        return FieldRule(key: key, shape: .array(of: .text(rule), atMost: 1000), isNullable: true)
    }

    private static func limit(_ key: String, _ range: ClosedRange<Int64>, _ summary: String) -> FieldRule {
        FieldRule(key: key, shape: .integer(range), summary: summary + " 0: the default.")
    }

    private static let downloadRules = ObjectShape(
        "BlockListDownload",
        [
            list("applications"), list("urls", format: .regex), list("tags"),
            FieldRule(
                key: "priorities",
                shape: .array(of: .integer(IntegerRule(0...Int64(Int32.max), countsZero: true)), atMost: 100),
                isNullable: true),
        ])
    private static let uploadRules = ObjectShape(
        "BlockListUpload", [list("applications"), list("urls", format: .regex), list("tags")])
    private static let download = FieldRule(key: "download", shape: .object(downloadRules), isNullable: true)
    private static let upload = FieldRule(key: "upload", shape: .object(uploadRules), isNullable: true)

    static let blockList = ObjectShape(
        "BlockList",
        [
            FieldRule(key: "task", shape: .object(ObjectShape("BlockListTask", [download])), isNullable: true),
            FieldRule(
                key: "persistent_task", shape: .object(ObjectShape("BlockListPersistentTask", [download, upload])),
                isNullable: true),
            FieldRule(
                key: "persistent_cache_task",
                shape: .object(ObjectShape("BlockListPersistentCacheTask", [download, upload])), isNullable: true),
        ])
    private static let blockListField = FieldRule(
        key: "block_list", shape: .object(blockList),
        summary: "What is refused: an entry that matches is enough. URLs are regular expressions.")

    static let schedulerConfig = ObjectShape(
        "SchedulerClusterConfig",
        [
            limit("candidate_parent_limit", 1...20, "Peers that a downloading peer is introduced to."),
            limit("filter_parent_limit", 10...1000, "Peers of a task that are looked at for that."),
            limit("job_rate_limit", 1...1_000_000, "Jobs per second that may name the cluster."),
        ])
    static let seedPeerConfig = ObjectShape(
        "SeedPeerClusterConfig",
        [limit("load_limit", 1...50_000, "Uploads of a seed peer at a time."), blockListField])
    static let peerConfig = ObjectShape(
        "PeerClusterConfig",
        [
            limit("load_limit", 1...2000, "Uploads of a peer at a time."),
            limit("concurrent_piece_count", 1...50, "Pieces that a peer downloads at a time; 4 if left out."),
            blockListField,
        ])
    static let seedClientConfig = ObjectShape("SeedPeerClientConfig", [blockListField])

    static let scopes = ObjectShape(
        "Scopes",
        [
            FieldRule(key: "idc", shape: .text(max: 4096), summary: "Data centres, joined with |."),
            FieldRule(
                key: "location", shape: .text(max: 4096), summary: "From the general to the special, joined with |."),
            list("cidrs", max: 64, format: .cidr), list("hostnames", format: .regex),
        ])
}

extension ObjectShape {
    private static let defaults: [String: JSONValue] = ["concurrent_piece_count": 4]

    /// An object as answers have it: with every member, zero or null where nothing is stored.
    func complete(_ object: JSONObject) -> JSONObject {
        JSONObject(fields.map { JSONObject.Member($0.key, $0.shape.complete(object[$0.key], $0)) })
    }

    /// The same for JSON text from the store.
    func complete(_ json: String) -> JSONObject { complete((try? JSONParser.parse(json))?.object ?? [:]) }

    fileprivate static func zero(of field: FieldRule) -> JSONValue {
        if let value = defaults[field.key] { return value }
        switch field.shape {
        case .text, .timestamp: return ""
        case .integer: return 0
        case .boolean: return false
        case .object(let shape): return field.isNullable ? .null : .object(shape.complete([:]))
        case .array, .map, .any, .anything: return .null
        }
    }
}

extension Shape {
    fileprivate func complete(_ value: JSONValue?, _ field: FieldRule) -> JSONValue {
        guard let value, value != .null else { return ObjectShape.zero(of: field) }
        switch (self, value) {
        case (.object(let shape), .object(let object)): return .object(shape.complete(object))
        case (.integer, .integer(0)): return ObjectShape.zero(of: field)
        default: return value
        }
    }
}

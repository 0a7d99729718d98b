/// What jobs can be told to do, and with which arguments.
package enum JobType: String, CaseIterable, Sendable {
    case preheat
    case syncPeers = "sync_peers"
    case getTask = "get_task"
    case getImageDistribution = "get_image_distribution"
    case deleteTask = "delete_task"
    case collectGarbage = "gc"

    /// What its arguments have to be; nil if it has none.
    package var arguments: ObjectShape? {
        switch self {
        case .preheat: JobArguments.preheat
        case .syncPeers: nil
        case .getTask: JobArguments.getTask
        case .getImageDistribution: JobArguments.imageDistribution
        case .deleteTask: JobArguments.deleteTask
        case .collectGarbage: JobArguments.collectGarbage
        }
    }

    /// Checks the arguments, and fills in what they leave out. Throws `BrokenRules`.
    package func complete(_ arguments: JSONObject) throws(BrokenRules) -> JSONObject {
        guard let shape = self.arguments else { return [:] }
        var fields = try shape.check(.object(arguments)).object
        switch self {
        case .preheat: try JobArguments.completePreheat(&fields)
        case .getTask, .deleteTask:
            guard ["task_id", "url", "content_for_calculating_task_id"].contains(where: { fields.has($0) }) else {
                throw BrokenRules(
                    "invalid params: task_id, content_for_calculating_task_id or url is required")
            }
            fields.setDefault("filtered_query_params", .string(JobArguments.filteredQueryParams))
            if fields["task_id"] == nil { fields["task_id"] = "" }
        case .getImageDistribution:
            fields.setDefault("filtered_query_params", .string(JobArguments.filteredQueryParams))
            fields.setDefault("concurrent_layer_count", 8)
        case .syncPeers, .collectGarbage: return fields
        }
        if self != .deleteTask { fields.setDefault("concurrent_peer_count", 500) }
        fields.setDefault("timeout", .integer(JobArguments.timeout))
        return fields
    }
}

enum JobArguments {
    /// One hour, in nanoseconds.
    static let timeout: Int64 = 3_600_000_000_000

    /// The query parameters that make no difference to what a URL names, joined with `&`.
    static let filteredQueryParams = """
        X-Amz-Algorithm&X-Amz-Credential&X-Amz-Date&X-Amz-Expires&X-Amz-SignedHeaders&X-Amz-Signature&\
        X-Amz-Security-Token&X-Amz-User-Agent&X-Goog-Algorithm&X-Goog-Credential&X-Goog-Date&X-Goog-Expires&\
        X-Goog-SignedHeaders&X-Goog-Signature&OSSAccessKeyId&Expires&Signature&SecurityToken&AccessKeyId&Signature&\
        Expires&X-Obs-Date&X-Obs-Security-Token&q-sign-algorithm&q-ak&q-sign-time&q-key-time&q-header-list&\
        q-url-param-list&q-signature&x-cos-security-token&ns
        """

    private static let url = FieldRule(key: "url", shape: .text(max: 8192))
    private static let pieceLength = FieldRule(
        key: "piece_length", shape: .integer(4_194_304...67_108_864),
        summary: "Bytes; by the size of the content if left out.")
    private static let filter = FieldRule(
        key: "filtered_query_params", shape: .text(max: 8192), aliases: ["filteredQueryParams"],
        summary: "Query parameters that make no difference, joined with &.")
    private static let headers = FieldRule(key: "headers", shape: .map(of: .text(max: 8192), atMost: 100))
    private static let peerCount = FieldRule(key: "concurrent_peer_count", shape: .integer(1...1000))
    private static let time = FieldRule(key: "timeout", shape: .duration, summary: "Nanoseconds; an hour if left out.")

    private static func text(_ key: String, max: Int = 1024) -> FieldRule {
        FieldRule(key: key, shape: .text(max: max))
    }

    private static func required(_ field: FieldRule) -> FieldRule {
        var field = field
        field.isRequired = true
        return field
    }

    static let preheat = ObjectShape(
        "PreheatArgs",
        [
            FieldRule(key: "type", shape: .oneOf("image", "file"), isRequired: true), url,
            FieldRule(key: "urls", shape: .array(of: .text(TextRule(minimum: 1, maximum: 8192)), atMost: 1000)),
            pieceLength, text("tag"), text("application"), filter, headers, text("username"), text("password"),
            text("platform"),
            FieldRule(
                key: "scope", shape: .text(max: 64), summary: "single_seed_peer, all_seed_peers or all_peers."),
            FieldRule(key: "ips", shape: .array(of: .text(TextRule(format: .ip)), atLeast: 1, atMost: 100)),
            FieldRule(key: "count", shape: .integer(1...200)), FieldRule(key: "percentage", shape: .integer(1...100)),
            FieldRule(key: "concurrent_task_count", shape: .integer(1...100)), peerCount, time,
            FieldRule(
                key: "object_storage",
                shape: .object(
                    ObjectShape(
                        "ObjectStorage",
                        [
                            text("region"), text("endpoint"), text("access_key_id"), text("access_key_secret"),
                            text("session_token", max: 8192), text("credential_path"), text("predefined_acl"),
                            text("security_token", max: 8192),
                            FieldRule(key: "insecure_skip_verify", shape: .boolean),
                        ]))),
            FieldRule(
                key: "hdfs", shape: .object(ObjectShape("HDFS", [text("delegation_token", max: 8192)]))),
        ])

    private static let whichTask = [
        text("task_id", max: 256), url, text("content_for_calculating_task_id", max: 65_536), pieceLength, text("tag"),
        text("application"), filter,
    ]
    static let getTask = ObjectShape("GetTaskArgs", whichTask + [peerCount, time])
    static let deleteTask = ObjectShape("DeleteTaskArgs", whichTask + [time])

    static let imageDistribution = ObjectShape(
        "GetImageDistributionArgs",
        [
            required(url), pieceLength, text("tag"), text("application"), filter, headers, text("username"),
            text("password"), text("platform"),
            FieldRule(key: "concurrent_layer_count", shape: .integer(1...100)), peerCount, time,
        ])

    /// The arguments of each type as a client has to send them: a shape for every way to say what it is about.
    static var alternatives: [(type: JobType, arguments: ObjectShape?)] {
        let file = preheat.fixing("type", to: "file")
        var all: [(type: JobType, arguments: ObjectShape?)] = [
            (.preheat, preheat.fixing("type", to: "image").requiring("url", "PreheatImageArgs")),
            (.preheat, file.requiring("url", "PreheatFileArgs")),
            (.preheat, file.requiring("urls", "PreheatFilesArgs")),
            (.syncPeers, nil), (.getImageDistribution, imageDistribution), (.collectGarbage, collectGarbage),
        ]
        for key in ["task_id", "url", "content_for_calculating_task_id"] {
            let title = FieldRule.title(of: key)
            all.append((.getTask, getTask.requiring(key, "GetTaskBy\(title)Args")))
            all.append((.deleteTask, deleteTask.requiring(key, "DeleteTaskBy\(title)Args")))
        }
        return all
    }

    static let collectGarbage = ObjectShape(
        "GCArgs", [FieldRule(key: "type", shape: .oneOf("audit", "job"), isRequired: true)])

    static func completePreheat(_ fields: inout JSONObject) throws(BrokenRules) {
        if fields["type"] == "image" {
            guard fields.has("url") else { throw BrokenRules("invalid params: url is required") }
        } else {
            let urls = fields["urls"]?.array ?? []
            guard !urls.isEmpty || fields.has("url") else {
                throw BrokenRules("invalid params: url or urls is required")
            }
        }
        let scopes = ["single_seed_peer", "all_seed_peers", "all_peers"]
        if !scopes.contains(fields["scope"]?.string ?? "") { fields["scope"] = "single_seed_peer" }
        fields.setDefault("filtered_query_params", .string(filteredQueryParams))
        fields.setDefault("concurrent_task_count", 8)
    }
}

extension ObjectShape {
    /// The same with a field that has to be there; a list needs an element.
    func requiring(_ key: String, _ name: String) -> ObjectShape {
        changing(key, name: name) { field in
            field.isRequired = true
            if case .array(let element, _, let most) = field.shape {
                field.shape = .array(of: element, atLeast: 1, atMost: most)
            }
        }
    }

    /// The same with one choice for a field, which has to be there.
    func fixing(_ key: String, to choice: String) -> ObjectShape {
        changing(key, name: name) { field in
            field.isRequired = true
            field.shape = .oneOf(choice)
        }
    }

    private func changing(_ key: String, name: String, _ change: (inout FieldRule) -> Void) -> ObjectShape {
        var copy = self
        copy.name = name
        for index in copy.fields.indices where copy.fields[index].key == key { change(&copy.fields[index]) }
        return copy
    }
}

extension JSONObject {
    /// Whether a member is there, and is no empty text.
    fileprivate func has(_ key: String) -> Bool { self[key] != nil && self[key] != "" }

    fileprivate mutating func setDefault(_ key: String, _ value: JSONValue) {
        if !has(key) || self[key] == 0 { self[key] = value }
    }
}

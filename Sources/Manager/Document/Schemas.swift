/// JSON Schemas of shapes; objects with names are gathered as components.
struct Schemas {
    enum Use: Hashable {
        /// Zero values count as left out, unless the field is required.
        case request(isRequired: Bool)
        case answer
    }

    private(set) var components = JSONObject()

    mutating func schema(of shape: Shape, _ use: Use) -> JSONObject {
        switch shape {
        case .text(let rule): return Self.text(rule, use)
        case .integer(let rule): return Self.integer(rule, use)
        case .boolean: return ["type": "boolean"]
        case .timestamp: return ["type": "string", "format": "date-time"]
        case .array(let element, let atLeast, let atMost):
            var schema: JSONObject = ["type": "array", "items": .object(self.schema(of: element, use.ofElement))]
            if atLeast > 0 { schema["minItems"] = .integer(Int64(atLeast)) }
            if atMost < .max { schema["maxItems"] = .integer(Int64(atMost)) }
            return schema
        case .map(let element, let atMost):
            var schema: JSONObject = ["type": "object"]
            if case .anything = element {
            } else {
                schema["additionalProperties"] = .object(self.schema(of: element, use.ofElement))
            }
            if atMost < .max { schema["maxProperties"] = .integer(Int64(atMost)) }
            return schema
        case .any(let shapes): return ["anyOf": .array(shapes.map { .object(self.schema(of: $0, use)) })]
        case .anything: return [:]
        case .object(let object): return reference(to: object, use)
        }
    }

    mutating func addErrors() {
        components["Error"] = [
            "type": "object", "required": ["message"],
            "properties": [
                "message": ["type": "string"], "error": ["type": "string"], "document_url": ["type": "string"],
            ],
        ]
        components["ValidationError"] = [
            "type": "object", "required": ["errors", "message"],
            "properties": ["errors": ["type": "string"], "message": ["type": "string"]],
        ]
    }

    private mutating func reference(to object: ObjectShape, _ use: Use) -> JSONObject {
        // The same object is stricter in requests than in answers.
        let name = use == .answer ? object.name : object.name.hasSuffix("Request") ? object.name : object.name + "Input"
        let reference: JSONObject = ["$ref": .string("#/components/schemas/\(name)")]
        guard components[name] == nil else { return reference }
        // Entered first: an object could have itself inside.
        components[name] = .object([:])
        var properties: [JSONObject.Member] = []
        for field in object.fields {
            var schema = self.schema(of: field.shape, use == .answer ? .answer : .request(isRequired: field.isRequired))
            let mayBeNull = use == .answer ? field.isNullable : !field.isRequired
            if mayBeNull, !schema.isEmpty { schema = ["anyOf": [.object(schema), ["type": "null"]]] }
            if !field.summary.isEmpty { schema["description"] = .string(field.summary) }
            properties.append(.init(field.key, .object(schema)))
        }
        var schema: JSONObject = ["type": "object", "properties": .object(JSONObject(properties))]
        let required = object.fields.filter { $0.isRequired || use == .answer && !properties.isEmpty }
        if !required.isEmpty { schema["required"] = .array(required.map { .string($0.key) }) }
        components[name] = .object(schema)
        return reference
    }

    private static func text(_ rule: TextRule, _ use: Use) -> JSONObject {
        var schema: JSONObject = ["type": "string"]
        guard use != .answer else {
            if !rule.choices.isEmpty { schema["enum"] = .array(rule.choices.map { .string($0) }) }
            return schema
        }
        if !rule.choices.isEmpty {
            let choices = rule.choices + (use.countsZero ? [] : [""])
            schema["enum"] = .array(choices.map { .string($0) })
            return schema
        }
        if let format = rule.format {
            if let name = format.name { schema["format"] = .string(name) }
            if let pattern = format.pattern { schema["pattern"] = .string(use.countsZero ? pattern : "^$|" + pattern) }
        }
        if rule.maximum < .max { schema["maxLength"] = .integer(Int64(rule.maximum)) }
        if use.countsZero, rule.minimum > 0 || use == .request(isRequired: true) {
            schema["minLength"] = .integer(Int64(max(1, rule.minimum)))
        }
        if !use.countsZero, rule.minimum > 1 {
            return ["anyOf": [["const": ""], .object(schema.adding("minLength", .integer(Int64(rule.minimum))))]]
        }
        return schema
    }

    private static func integer(_ rule: IntegerRule, _ use: Use) -> JSONObject {
        guard use != .answer else { return ["type": "integer"] }
        let range: JSONObject = [
            "type": "integer", "minimum": .integer(rule.range.lowerBound), "maximum": .integer(rule.range.upperBound),
        ]
        if use == .request(isRequired: true), !rule.countsZero {
            return range.adding("minimum", .integer(max(1, rule.range.lowerBound)))
        }
        if rule.countsZero || rule.range.contains(0) { return range }
        if rule.range.lowerBound == 1 { return range.adding("minimum", 0) }
        return ["anyOf": [["const": 0], .object(range)]]
    }
}

extension Schemas.Use {
    fileprivate var countsZero: Bool { self != .request(isRequired: false) }

    /// In a list nothing counts as left out.
    fileprivate var ofElement: Schemas.Use { self == .answer ? .answer : .request(isRequired: true) }
}

extension JSONObject {
    fileprivate func adding(_ key: String, _ value: JSONValue) -> JSONObject {
        var copy = self
        copy[key] = value
        return copy
    }
}

extension TextRule.Format {
    /// What JSON Schema calls it, where that is the same: its regular expressions are others than RE2's.
    fileprivate var name: String? {
        switch self {
        case .email: "email"
        case .url: "uri"
        case .ip, .cidr, .regex, .accountName: nil
        }
    }

    /// For readers that do not know the name.
    fileprivate var pattern: String? {
        switch self {
        case .email: "^[A-Za-z0-9_+-]+(\\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9]+(\\.[A-Za-z0-9]+)*$"
        case .url: "^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$"
        case .ip:
            "^([0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])(\\.([0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])){3}$"
        case .cidr:
            "^([0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])(\\.([0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])){3}/([0-9]|[12][0-9]|3[0-2])$"
        case .accountName: "^[A-Za-z0-9@$!%*?&._-]*$"
        case .regex: nil
        }
    }
}

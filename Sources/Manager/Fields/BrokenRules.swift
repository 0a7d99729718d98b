import ManagerStore

/// Which rules a request breaks.
package struct BrokenRules: Error, Hashable, Sendable {
    /// One line for each.
    package var lines: [String]

    package init(_ lines: [String]) { self.lines = lines }

    package init(_ line: String) { lines = [line] }

    package var text: String { lines.joined(separator: "\n") }

    /// A field that breaks a rule, in the words of the API: `path` is `CreateClusterRequest.Name`.
    package static func broken(_ tag: String, at path: String) -> String {
        let name = path.split(separator: ".").last ?? ""
        return "Key: '\(path)' Error:Field validation for '\(name)' failed on the '\(tag)' tag"
    }
}

extension ObjectShape {
    /// Lines of one message at most: a body can be wrong in more places than anybody reads.
    private static let maximumLines = 20

    /// Checks what a client sent. Throws `BrokenRules` with all that is wrong, or so much of it as anybody reads.
    package func check(_ value: JSONValue) throws(BrokenRules) -> Fields {
        guard let object = value.object else {
            throw BrokenRules("json: cannot unmarshal \(value.kind) into value of type \(name)")
        }
        var lines: [String] = []
        let checked = check(object, at: name, &lines)
        guard lines.isEmpty else { throw BrokenRules(Array(lines.prefix(Self.maximumLines))) }
        return Fields(checked: checked)
    }

    fileprivate func check(_ object: JSONObject, at path: String, _ lines: inout [String]) -> JSONObject {
        var checked: [JSONObject.Member] = []
        for field in fields {
            let place = "\(path).\(field.title)"
            let given = ([field.key] + field.aliases).lazy.compactMap { object[$0] }.first { $0 != .null }
            guard let given else {
                if field.isRequired { lines.append(BrokenRules.broken("required", at: place)) }
                continue
            }
            let before = lines.count
            let value = field.shape.check(given, at: place, &lines)
            guard lines.count == before else {
                if let complaint = field.complaint { lines.replaceSubrange(before..., with: [complaint]) }
                continue
            }
            if field.isRequired, field.shape.isZero(value) {
                lines.append(BrokenRules.broken("required", at: place))
            } else {
                checked.append(JSONObject.Member(field.key, value))
            }
        }
        return JSONObject(checked)
    }
}

extension Shape {
    /// Checks one value, adds what is wrong with it to `lines`, and returns what of it counts.
    ///
    /// - Parameter isElement: the value is one of a list, where nothing counts as left out.
    fileprivate func check(
        _ value: JSONValue, at path: String, isElement: Bool = false, _ lines: inout [String]
    ) -> JSONValue {
        switch (self, value) {
        case (.text(let rule), .string(let text)):
            if isElement || !text.isEmpty, let tag = rule.broken(by: text) {
                lines.append(BrokenRules.broken(tag, at: path))
            }
        case (.integer(let rule), _) where value.integer != nil:
            let number = value.integer ?? 0
            if let tag = rule.broken(by: number) { lines.append(BrokenRules.broken(tag, at: path)) }
            return .integer(number)
        case (.boolean, .bool), (.anything, _), (.any, _): break
        case (.timestamp, .string(let text)):
            guard Timestamp(rfc3339: text) != nil else {
                lines.append("parsing time \"\(text.prefix(64))\" as RFC 3339: \(path)")
                break
            }
        case (.array(let shape, let atLeast, let atMost), .array(let elements)):
            guard elements.count >= atLeast else {
                lines.append(BrokenRules.broken("min", at: path))
                break
            }
            guard elements.count <= atMost else {
                lines.append(BrokenRules.broken("max", at: path))
                break
            }
            return .array(
                elements.enumerated().map { index, element in
                    shape.check(element, at: "\(path)[\(index)]", isElement: true, &lines)
                })
        case (.object(let shape), .object(let object)): return .object(shape.check(object, at: path, &lines))
        case (.map(let shape, let atMost), .object(let object)):
            guard object.members.count <= atMost else {
                lines.append(BrokenRules.broken("max", at: path))
                break
            }
            for member in object.members { _ = shape.check(member.value, at: "\(path)[\(member.key)]", &lines) }
        default: lines.append("json: cannot unmarshal \(value.kind) into field \(path) of type \(typeName)")
        }
        return value
    }

    /// Whether a value is what a field counts as that is left out.
    fileprivate func isZero(_ value: JSONValue) -> Bool {
        switch value {
        case .null: true
        case .bool(let bool): !bool
        case .integer(let integer):
            if case .integer(let rule) = self, rule.countsZero { false } else { integer == 0 }
        case .number(let number): number == 0
        case .string(let string): string.isEmpty
        // An empty list or object was given on purpose.
        case .array, .object: false
        }
    }

    private var typeName: String {
        switch self {
        case .text: "string"
        case .integer: "integer"
        case .boolean: "bool"
        case .timestamp: "time"
        case .array: "array"
        case .object, .map: "object"
        case .any, .anything: "any"
        }
    }
}

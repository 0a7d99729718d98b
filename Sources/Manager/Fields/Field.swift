package import ManagerStore

/// A field of a request as code reads it: its rule, and the type of its value.
package struct Field<Value: FieldValue>: Sendable {
    package var rule: FieldRule

    package init(_ key: String, _ shape: Shape, aliases: [String] = [], _ summary: String = "") {
        rule = FieldRule(key: key, shape: shape, aliases: aliases, summary: summary)
    }

    /// The field as one that may be left out.
    package var optional: FieldRule { rule }

    /// The field as one that has to be there.
    package var required: FieldRule {
        var rule = rule
        rule.isRequired = true
        return rule
    }
}

/// What a field can hold.
package protocol FieldValue: Sendable {
    /// What a field counts as that is left out.
    static var zero: Self { get }
    /// Reads a value that has been checked against the field's shape.
    init?(_ value: JSONValue)
}

extension String: FieldValue {
    package static var zero: String { "" }
    package init?(_ value: JSONValue) {
        guard let string = value.string else { return nil }
        self = string
    }
}

extension Int64: FieldValue {
    package static var zero: Int64 { 0 }
    package init?(_ value: JSONValue) {
        guard let integer = value.integer else { return nil }
        self = integer
    }
}

extension Int: FieldValue {
    package static var zero: Int { 0 }
    package init?(_ value: JSONValue) {
        guard let integer = value.integer, let int = Int(exactly: integer) else { return nil }
        self = int
    }
}

extension Bool: FieldValue {
    package static var zero: Bool { false }
    package init?(_ value: JSONValue) {
        guard let bool = value.bool else { return nil }
        self = bool
    }
}

extension JSONObject: FieldValue {
    package static var zero: JSONObject { [:] }
    package init?(_ value: JSONValue) {
        guard let object = value.object else { return nil }
        self = object
    }
}

extension Array: FieldValue where Element: FieldValue {
    package static var zero: [Element] { [] }
    package init?(_ value: JSONValue) {
        guard let elements = value.array else { return nil }
        self = elements.compactMap { Element($0) }
        guard count == elements.count else { return nil }
    }
}

extension Timestamp: FieldValue {
    package static var zero: Timestamp { .unset }
    package init?(_ value: JSONValue) {
        guard let text = value.string, let time = Timestamp(rfc3339: text) else { return nil }
        self = time
    }
}

/// The fields of a request, checked against their shape.
package struct Fields: Sendable {
    /// What the client sent, less what no rule names, with aliases resolved and nulls left out.
    package let object: JSONObject

    package init(checked object: JSONObject) { self.object = object }

    /// The value; nil if the client left it out.
    package func given<Value>(_ field: Field<Value>) -> Value? { object[field.rule.key].flatMap { Value($0) } }

    /// The value; zero if the client left it out.
    package subscript<Value>(_ field: Field<Value>) -> Value { given(field) ?? .zero }
}

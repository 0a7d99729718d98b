#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A value as databases know it. Truth is 1 or 0, times are microseconds since 1970, lists are JSON text.
package enum SQLValue: Hashable, Sendable {
    case null
    case integer(Int64)
    /// Without zero bytes: PostgreSQL cannot hold them.
    case text(String)
    case bytes([UInt8])

    package static func of(_ value: some SQLConvertible) -> SQLValue { value.sqlValue }

    /// A number that refers to a row, where 0 stands for nobody.
    static func reference(_ id: Int64) -> SQLValue { id == 0 ? .null : .integer(id) }
}

extension SQLValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByNilLiteral
{
    package init(stringLiteral value: String) { self = .text(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .integer(value ? 1 : 0) }
    package init(nilLiteral: ()) { self = .null }
}

/// What can be stored in one column.
package protocol SQLConvertible {
    var sqlValue: SQLValue { get }
}

extension SQLValue: SQLConvertible {
    package var sqlValue: SQLValue { self }
}

extension String: SQLConvertible {
    package var sqlValue: SQLValue { .text(self) }
}

extension Int: SQLConvertible {
    package var sqlValue: SQLValue { .integer(Int64(self)) }
}

extension Int64: SQLConvertible {
    package var sqlValue: SQLValue { .integer(self) }
}

extension Int32: SQLConvertible {
    package var sqlValue: SQLValue { .integer(Int64(self)) }
}

extension UInt32: SQLConvertible {
    package var sqlValue: SQLValue { .integer(Int64(self)) }
}

extension Bool: SQLConvertible {
    package var sqlValue: SQLValue { .integer(self ? 1 : 0) }
}

extension Timestamp: SQLConvertible {
    package var sqlValue: SQLValue { .integer(microseconds) }
}

extension Optional: SQLConvertible where Wrapped: SQLConvertible {
    package var sqlValue: SQLValue { map(\.sqlValue) ?? .null }
}

extension SQLConvertible where Self: RawRepresentable, RawValue == String {
    package var sqlValue: SQLValue { .text(rawValue) }
}

extension Array: SQLConvertible where Element: SQLArrayElement {
    package var sqlValue: SQLValue { Element.sqlValue(of: self) }
}

/// Whose lists fit into one column: bytes as they are, names as JSON text.
package protocol SQLArrayElement {
    static func sqlValue(of array: [Self]) -> SQLValue
}

extension UInt8: SQLArrayElement {
    package static func sqlValue(of array: [UInt8]) -> SQLValue { .bytes(array) }
}

extension String: SQLArrayElement {
    package static func sqlValue(of array: [String]) -> SQLValue {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        // Strings can always be encoded.
        let data = (try? encoder.encode(array)) ?? Data("[]".utf8)
        return .text(String(decoding: data, as: UTF8.self))
    }
}

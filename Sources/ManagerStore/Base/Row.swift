#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One row of an answer.
package struct Row: Sendable {
    let values: [SQLValue]

    package var count: Int { values.count }

    /// The value of a column, from 0. nil beyond the last.
    package subscript(_ column: Int) -> SQLValue? { values.indices.contains(column) ? values[column] : nil }

    var reader: RowReader { RowReader(values: values[...]) }
}

/// Takes the values of a row one after the other.
package struct RowReader {
    private var values: ArraySlice<SQLValue>

    init(values: ArraySlice<SQLValue>) { self.values = values }

    private mutating func next() throws(StoreError) -> SQLValue {
        guard let value = values.popFirst() else { throw .surprise("a row is too short") }
        return value
    }

    package mutating func text() throws(StoreError) -> String {
        guard case .text(let text) = try next() else { throw .surprise("no text where text belongs") }
        return text
    }

    package mutating func textIfAny() throws(StoreError) -> String? {
        switch try next() {
        case .null: nil
        case .text(let text): text
        default: throw .surprise("no text where text belongs")
        }
    }

    package mutating func integer() throws(StoreError) -> Int64 {
        guard case .integer(let number) = try next() else { throw .surprise("no number where a number belongs") }
        return number
    }

    package mutating func number() throws(StoreError) -> Int { Int(try integer()) }

    package mutating func flag() throws(StoreError) -> Bool { try integer() != 0 }

    package mutating func time() throws(StoreError) -> Timestamp { Timestamp(microseconds: try integer()) }

    package mutating func timeIfAny() throws(StoreError) -> Timestamp? {
        switch try next() {
        case .null: nil
        case .integer(let number): Timestamp(microseconds: number)
        default: throw .surprise("no number where a time belongs")
        }
    }

    /// The number of a row, 0 for nobody.
    package mutating func reference() throws(StoreError) -> Int64 {
        switch try next() {
        case .null: 0
        case .integer(let number): number
        default: throw .surprise("no number where a reference belongs")
        }
    }

    package mutating func bytes() throws(StoreError) -> [UInt8] {
        guard case .bytes(let bytes) = try next() else { throw .surprise("no bytes where bytes belong") }
        return bytes
    }

    /// A list of names in JSON.
    package mutating func names() throws(StoreError) -> [String] {
        let text = try text()
        do {
            return try JSONDecoder().decode([String].self, from: Data(text.utf8))
        } catch {
            throw .surprise("no list of names where one belongs")
        }
    }

    package mutating func name<Name: RawRepresentable<String>>() throws(StoreError) -> Name {
        let text = try text()
        guard let name = Name(rawValue: text) else {
            throw .surprise("\(Name.self) cannot be \(text.debugDescription)")
        }
        return name
    }
}

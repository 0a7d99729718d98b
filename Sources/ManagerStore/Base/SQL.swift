/// A statement with its parameters. What is interpolated becomes a parameter, never text, so no value can change what
/// the statement does: `"SELECT id FROM users WHERE name = \(name)"`.
package struct SQL: Sendable, ExpressibleByStringInterpolation {
    /// With `?` for each value. No statement of ours has a question mark anywhere else.
    private(set) var text: String
    private(set) var values: [SQLValue]
    /// Whether there are too many statements of this form to keep them prepared.
    var isRare = false

    package init(stringLiteral text: String) {
        self.text = text
        values = []
    }

    package init(stringInterpolation: StringInterpolation) {
        text = stringInterpolation.text
        values = stringInterpolation.values
        isRare = stringInterpolation.isRare
    }

    /// Text that this module made; never something from outside.
    init(trusted text: String) { self.init(stringLiteral: text) }

    static func += (left: inout SQL, right: SQL) {
        left.text += right.text
        left.values += right.values
        left.isRare = left.isRare || right.isRare
    }

    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text: String
        fileprivate var values: [SQLValue]
        fileprivate var isRare = false

        package init(literalCapacity: Int, interpolationCount: Int) {
            text = ""
            text.reserveCapacity(literalCapacity + interpolationCount)
            values = []
            values.reserveCapacity(interpolationCount)
        }

        package mutating func appendLiteral(_ literal: String) { text += literal }

        /// A parameter.
        package mutating func appendInterpolation(_ value: some SQLConvertible) {
            text += "?"
            values.append(value.sqlValue)
        }

        /// Another statement, or a part of one.
        package mutating func appendInterpolation(sql: SQL) {
            text += sql.text
            values += sql.values
            isRare = isRare || sql.isRare
        }

        /// `IN (…)`. At most some thousands; see `chunks`.
        package mutating func appendInterpolation(among values: [Int64]) {
            appendInterpolation(among: values.map(SQLValue.integer))
        }

        package mutating func appendInterpolation(among names: [String]) {
            appendInterpolation(among: names.map(SQLValue.text))
        }

        private mutating func appendInterpolation(among all: [SQLValue]) {
            guard let last = all.last else {
                // Neither database takes an empty list.
                text += "IN (NULL)"
                return
            }
            // Lengths are powers of two, so that there are few different statements to keep prepared.
            var length = 1
            while length < all.count { length *= 2 }
            text += "IN (?" + String(repeating: ", ?", count: length - 1) + ")"
            values += all
            values += Array(repeating: last, count: length - all.count)
        }

        /// A name that this module made.
        mutating func appendInterpolation(trusted name: String) { text += name }
    }
}

extension Array {
    /// Parts of at most `size` elements.
    func chunks(of size: Int) -> [ArraySlice<Element>] {
        stride(from: 0, to: count, by: size).map { self[$0..<Swift.min($0 + size, count)] }
    }
}

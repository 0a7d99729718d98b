/// What a value may be. Requests are checked against it and the OpenAPI document tells it, so the two cannot differ.
package indirect enum Shape: Sendable {
    case text(TextRule)
    case integer(IntegerRule)
    case boolean
    /// RFC 3339 text.
    case timestamp
    case array(of: Shape, atLeast: Int = 0, atMost: Int)
    case object(ObjectShape)
    /// An object whose members have names of the client's choice, of one shape, and so many at most.
    case map(of: Shape, atMost: Int)
    /// Either of several; told in the document, checked by whoever reads it.
    case any(of: [Shape])
    /// Anything.
    case anything

    /// Text of up to so many characters.
    package static func text(max: Int) -> Shape { .text(TextRule(maximum: max)) }
    package static func oneOf(_ choices: String...) -> Shape { .text(TextRule(choices: choices)) }
    package static func integer(_ range: ClosedRange<Int64>) -> Shape { .integer(IntegerRule(range)) }

    /// The id of a row, or 0 for none.
    package static let id = Shape.integer(0...Int64.max)
    /// A TCP port, or 0 for none.
    package static let port = Shape.integer(1...65535)
    /// Nanoseconds.
    package static let duration = Shape.integer(0...Int64.max)
}

/// What a text may be. Empty text counts as left out, and passes unless the field is required.
package struct TextRule: Sendable {
    /// In Unicode scalars.
    package var minimum = 0
    package var maximum: Int
    /// If not empty, the text is one of these.
    package var choices: [String] = []
    package var format: Format?

    package enum Format: String, Sendable {
        case email
        /// An absolute `http` or `https` URL.
        case url
        /// An IPv4 or IPv6 address.
        case ip
        /// `address/bits`, IPv4 or IPv6.
        case cidr
        /// A regular expression.
        case regex
        /// Letters and digits of ASCII, and `@$!%*?&._-`: no two names look the same.
        case accountName = "account_name"
    }

    package init(minimum: Int = 0, maximum: Int = 1024, choices: [String] = [], format: Format? = nil) {
        self.minimum = minimum
        self.maximum = maximum
        self.choices = choices
        self.format = format
    }

    /// The tag of the rule that `text` breaks; nil if it breaks none.
    package func broken(by text: String) -> String? {
        let length = text.unicodeScalars.count
        guard choices.isEmpty || choices.contains(text) else { return "oneof" }
        guard length <= maximum else { return "max" }
        guard length >= minimum else { return "min" }
        guard let format, !format.accepts(text) else { return nil }
        return format.rawValue
    }
}

/// What a number may be. Zero counts as left out, and passes unless the field is required.
package struct IntegerRule: Sendable {
    package var range: ClosedRange<Int64>
    /// Whether zero is a number like others, and no way to leave the field out.
    package var countsZero: Bool

    package init(_ range: ClosedRange<Int64>, countsZero: Bool = false) {
        self.range = range
        self.countsZero = countsZero
    }

    /// The tag of the rule that `number` breaks; nil if it breaks none.
    package func broken(by number: Int64) -> String? {
        if number == 0, !countsZero || range.contains(0) { return nil }
        if number < range.lowerBound { return "gte" }
        return number > range.upperBound ? "lte" : nil
    }
}

/// What an object may have. Other members than these are ignored in requests.
package struct ObjectShape: Sendable {
    /// The name of the type, in messages and in the OpenAPI document.
    package var name: String
    package var fields: [FieldRule]

    package init(_ name: String, _ fields: [FieldRule]) {
        self.name = name
        self.fields = fields
    }
}

/// One member of an object.
package struct FieldRule: Sendable {
    package var key: String
    package var shape: Shape
    /// Whether it has to be there, and to be something else than zero, empty or null.
    package var isRequired = false
    /// In answers: whether it may be null.
    package var isNullable = false
    /// Other names that requests may use for it.
    package var aliases: [String] = []
    /// For the document.
    package var summary = ""
    /// What is said of a wrong value instead of the usual.
    package var complaint: String?

    package init(
        key: String, shape: Shape, isRequired: Bool = false, isNullable: Bool = false, aliases: [String] = [],
        summary: String = ""
    ) {
        self.key = key
        self.shape = shape
        self.isRequired = isRequired
        self.isNullable = isNullable
        self.aliases = aliases
        self.summary = summary
    }

    /// The field's name in validation messages: `scheduler_cluster_id` is `SchedulerClusterID`.
    package var title: String { Self.title(of: key) }

    package static func title(of key: String) -> String {
        key.split(separator: "_").map { initialisms[$0] ?? $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    private static let initialisms: [Substring: String] = [
        "id": "ID", "ids": "IDs", "ip": "IP", "ips": "IPs", "url": "URL", "urls": "URLs", "idc": "IDC", "os": "OS",
        "cidrs": "CIDRs", "bio": "BIO", "ttl": "TTL",
    ]
}

/// A JSON object on one line that keeps the order of its keys, which `JSONEncoder` does not.
struct JSONObject {
    private var members: String

    /// Begins with one member; what it is for is the first thing to be seen.
    init(_ key: String, _ value: String) { members = "\"\(key)\":" + Self.literal(value) }

    var text: String { "{\(members)}" }

    /// `value` is JSON already.
    mutating func add(_ key: String, raw value: String) { members += "," + Self.literal(key) + ":" + value }
    mutating func add(_ key: String, _ value: String) { add(key, raw: Self.literal(value)) }

    mutating func add(_ key: String, _ values: [String]) {
        add(key, raw: "[" + values.map(Self.literal).joined(separator: ",") + "]")
    }

    static func literal(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\t": out += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}

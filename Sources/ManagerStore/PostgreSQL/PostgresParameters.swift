/// Values in the form in which libpq wants them: text, or bytes as they are.
struct PostgresParameters {
    private var storage: [UInt8] = []
    /// Where each value begins; nil for NULL.
    private var offsets: [Int?] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []

    init(_ values: [SQLValue]) {
        offsets.reserveCapacity(values.count)
        lengths.reserveCapacity(values.count)
        formats.reserveCapacity(values.count)
        for value in values {
            switch value {
            case .null: append(nil, format: 0)
            case .integer(let number): append(String(number).utf8, format: 0)
            case .text(let text): append(text.utf8, format: 0)
            case .bytes(let bytes): append(bytes, format: 1)
            }
        }
    }

    private mutating func append(_ bytes: String.UTF8View, format: Int32) {
        append(Optional(Array(bytes)), format: format)
    }

    private mutating func append(_ bytes: [UInt8]?, format: Int32) {
        offsets.append(bytes.map { _ in storage.count })
        lengths.append(Int32(clamping: bytes?.count ?? 0))
        formats.append(format)
        // Text ends with a zero byte.
        if let bytes { storage += bytes + [0] }
    }

    /// The arguments that all of libpq's functions for statements with parameters have in common.
    func withPointers<Result>(
        _ body: (
            Int32, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?
        ) -> Result
    ) -> Result {
        storage.withUnsafeBytes { bytes in
            let base = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            let pointers = offsets.map { offset in offset.flatMap { base?.advanced(by: $0) } }
            return pointers.withUnsafeBufferPointer { pointers in
                lengths.withUnsafeBufferPointer { lengths in
                    formats.withUnsafeBufferPointer { formats in
                        body(Int32(pointers.count), pointers.baseAddress, lengths.baseAddress, formats.baseAddress)
                    }
                }
            }
        }
    }

    /// PostgreSQL's form of a statement: `$1`, `$2` … for each `?`.
    static func numbered(_ text: String) -> String {
        var result = ""
        result.reserveCapacity(text.utf8.count + 16)
        var number = 0
        for part in text.split(separator: "?", omittingEmptySubsequences: false) {
            if number > 0 { result += "$\(number)" }
            result += part
            number += 1
        }
        return result
    }
}

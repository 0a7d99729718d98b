import CLibPQ

/// Reads libpq's results, which come as text.
enum PostgresResult {
    static func reply(of result: OpaquePointer) -> Reply {
        let columns = (0..<PQnfields(result)).map { (index: $0, type: PQftype(result, $0)) }
        var rows: [Row] = []
        rows.reserveCapacity(Int(PQntuples(result)))
        for row in 0..<PQntuples(result) {
            rows.append(Row(values: columns.map { value(of: result, row, $0.index, type: $0.type) }))
        }
        let changed = PQcmdTuples(result).flatMap { Int(String(cString: $0)) }
        return Reply(rows: rows, changed: changed ?? 0)
    }

    private static func value(of result: OpaquePointer, _ row: Int32, _ column: Int32, type: Oid) -> SQLValue {
        guard PQgetisnull(result, row, column) == 0, let pointer = PQgetvalue(result, row, column) else { return .null }
        let bytes = UnsafeRawBufferPointer(start: pointer, count: Int(PQgetlength(result, row, column)))
        return switch type {
        // int8, int2, int4
        case 20, 21, 23: integer(bytes)
        // bytea
        case 17: .bytes(unhexed(bytes))
        default: .text(String(decoding: bytes, as: UTF8.self))
        }
    }

    private static func integer(_ digits: UnsafeRawBufferPointer) -> SQLValue {
        // The lowest number has no positive counterpart, so it is built from below.
        var number: Int64 = 0
        let isNegative = digits.first == UInt8(ascii: "-")
        for digit in digits.dropFirst(isNegative ? 1 : 0) { number = number &* 10 &- Int64(digit &- UInt8(ascii: "0")) }
        return .integer(isNegative ? number : 0 &- number)
    }

    /// `\x0aff`
    private static func unhexed(_ text: UnsafeRawBufferPointer) -> [UInt8] {
        func nibble(_ digit: UInt8) -> UInt8 { digit <= UInt8(ascii: "9") ? digit &- 0x30 : (digit | 0x20) &- 0x57 }
        return stride(from: 2, to: text.count - 1, by: 2).map { nibble(text[$0]) << 4 | nibble(text[$0 + 1]) }
    }
}

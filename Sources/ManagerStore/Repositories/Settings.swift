/// What the manager keeps for itself and shows to nobody, such as the key of its tokens.
package struct Settings {
    let transaction: Transaction

    package func get(_ name: String) throws(StoreError) -> [UInt8]? {
        guard var reader = try transaction.row("SELECT value FROM settings WHERE name = \(name)")?.reader else {
            return nil
        }
        return try reader.bytes()
    }

    package func set(_ name: String, _ value: [UInt8]) throws(StoreError) {
        try transaction.execute(
            """
            INSERT INTO settings (name, value) VALUES (\(name), \(value)) \
            ON CONFLICT (name) DO UPDATE SET value = excluded.value
            """)
    }

    /// Stores a value unless there is one.
    /// - Returns: the one that is there now: the same for all managers.
    package func setIfAbsent(_ name: String, _ value: [UInt8]) throws(StoreError) -> [UInt8] {
        try transaction.execute(
            "INSERT INTO settings (name, value) VALUES (\(name), \(value)) ON CONFLICT (name) DO NOTHING")
        guard let stored = try get(name) else { throw .surprise("a setting vanished") }
        return stored
    }
}

extension Transaction {
    package var settings: Settings { Settings(transaction: self) }
}

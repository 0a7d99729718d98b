import CLibPQ

/// What PostgreSQL's errors mean to us.
enum PostgresErrors {
    static func failure(of result: OpaquePointer, isConnected: Bool) -> StatementFailure {
        let state = field(result, .state)
        let words = oneLine(field(result, .message) ?? String(cString: PQresultErrorMessage(result)))
        guard let state, isConnected || !state.hasPrefix("57") else {
            return StatementFailure(.unavailable("the connection to the database is lost: \(words)"), .lost)
        }
        switch state {
        case "23505": return StatementFailure(.conflict(key: key(ofIndex: field(result, .constraint) ?? "")))
        case "40001", "40P01":
            return StatementFailure(.unavailable("the database has too many writers at once; try again"), .collision)
        // A prepared statement that other tables have overtaken, or that somebody removed.
        case "0A000" where words.contains("cached plan"), "26000":
            return StatementFailure(.unavailable("the tables have changed; try again"), .lost)
        case "57014": return StatementFailure(.unavailable("the database took too long; try again"))
        case "25P03", "57P01", "57P02", "57P03", "53300":
            return StatementFailure(.unavailable("the database is not ready: \(words)"), .lost)
        case "53100": return StatementFailure(.full("the disk of the database is full: \(words)"))
        // A server that became another's copy: the next connection may lead to the one that may write.
        case "25006": return StatementFailure(.full("the database may not be written to: \(words)"), .lost)
        default: break
        }
        return switch state.prefix(2) {
        // A wrong value, a broken rule, text that cannot be stored, or JSON that is nested too deep.
        case "22", "23", "54": StatementFailure(.invalid("the database does not take a value: \(words)"))
        case "08": StatementFailure(.unavailable("the connection to the database is lost: \(words)"), .lost)
        case "53", "58": StatementFailure(.unavailable("the database is in trouble: \(words)"))
        default: StatementFailure(.failed("PostgreSQL: \(words) (\(state))"))
        }
    }

    /// libpq tells no codes when it cannot connect, only words; those of the server come in its language.
    static func whenConnecting(_ words: String) -> StatementFailure {
        let passes = [
            "could not connect", "connection to server", "could not translate", "timeout", "server closed",
            "starting up", "shutting down", "too many clients", "remaining connection slots",
        ]
        let stays = [
            "authentication failed", "does not exist", "no password supplied", "certificate", "SSL", "pg_hba",
            "invalid", "missing", "not permitted",
        ]
        if !stays.contains(where: words.contains), passes.contains(where: words.contains) || words.isEmpty {
            return StatementFailure(.unavailable("the database cannot be reached: \(words)"), .lost)
        }
        return StatementFailure(.refused("the database does not let Minion in: \(words)"), .lost)
    }

    /// `users.name` of the index `users__name`: names of ours keep the columns of a key.
    private static func key(ofIndex name: String) -> String {
        if name.hasSuffix("_pkey") { return name.dropLast("_pkey".count) + ".id" }
        let parts = name.split(separator: "__")
        guard let table = parts.first, parts.count > 1 else { return name }
        return table + "." + parts.dropFirst().joined(separator: ",")
    }

    /// Parts of an error. libpq names them by macros that Swift does not see.
    private enum Field: Unicode.Scalar {
        case state = "C"
        case message = "M"
        case constraint = "n"
    }

    private static func field(_ result: OpaquePointer, _ field: Field) -> String? {
        PQresultErrorField(result, Int32(field.rawValue.value)).map { String(cString: $0) }
    }

    /// Without line breaks and the capital at the beginning.
    static func oneLine(_ message: String) -> String {
        message.split { $0.isNewline || $0 == "\t" }.joined(separator: " ")
    }
}

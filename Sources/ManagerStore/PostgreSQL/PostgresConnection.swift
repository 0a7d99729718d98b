import CLibPQ

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// One connection to PostgreSQL. Blocks; for one thread at a time.
final class PostgresConnection {
    private let connection: OpaquePointer
    /// How long the server may take for a statement that runs now.
    private var statementLimit: Duration
    /// The names under which statements are prepared on this connection, by text.
    private var prepared: [String: String] = [:]

    /// - Throws: `.lost` if there is no connection to be had now, `.final` if there never will be.
    init(url: String, connectLimit: Duration, statementLimit: Duration) throws(StatementFailure) {
        self.statementLimit = statementLimit
        guard Self.isUnderstood(url) else {
            // libpq's own words may quote the password.
            throw StatementFailure(.refused("the URL of the database is not understood: postgres://user@host/name"))
        }
        let seconds = max(2, Int(connectLimit.inSeconds.rounded(.up)))
        // What comes before the URL can be changed in it, what comes behind cannot.
        let options: KeyValuePairs = [
            "connect_timeout": String(seconds), "fallback_application_name": "minion", "keepalives_idle": "30",
            "keepalives_interval": "10", "keepalives_count": "3",
            "tcp_user_timeout": String(Int(statementLimit.inSeconds * 1000)),
            "dbname": url, "client_encoding": "UTF8",
        ]
        guard let connection = Self.connect(options) else {
            throw StatementFailure(.failed("out of memory for a connection to the database"))
        }
        guard PQstatus(connection) == CONNECTION_OK else {
            defer { PQfinish(connection) }
            let words = Self.oneLine(PQerrorMessage(connection))
            throw PostgresErrors.whenConnecting(words)
        }
        self.connection = connection
        PQsetnonblocking(connection, 1)
        // Nobody reads what the server remarks.
        PQsetNoticeProcessor(connection, { _, _ in }, nil)
        let milliseconds = Int(statementLimit.inSeconds * 1000)
        // Requests already keep all processors busy: workers that start for each count of a large table only take from them.
        try command(
            """
            SET statement_timeout = \(milliseconds); SET idle_in_transaction_session_timeout = \(4 * milliseconds); \
            SET standard_conforming_strings = on; SET bytea_output = hex; SET max_parallel_workers_per_gather = 0
            """)
    }

    deinit { PQfinish(connection) }

    /// Whether the connection can be used again, as far as this side knows.
    var isAlive: Bool { PQstatus(connection) == CONNECTION_OK }

    /// Whether a transaction was begun and not ended.
    var isInTransaction: Bool { PQtransactionStatus(connection) != PQTRANS_IDLE }

    /// The encoding of the database, such as `UTF8`.
    var serverEncoding: String { PQparameterStatus(connection, "server_encoding").map { String(cString: $0) } ?? "" }

    /// Runs statements without parameters; several if they are separated by semicolons.
    @discardableResult
    func command(_ text: String) throws(StatementFailure) -> Reply {
        guard PQsendQuery(connection, text) == 1 else { throw lost() }
        return try reply()
    }

    func run(_ sql: SQL) throws(StatementFailure) -> Reply {
        let parameters = PostgresParameters(sql.values)
        if sql.isRare {
            let isSent = parameters.withPointers { count, values, lengths, formats in
                PQsendQueryParams(
                    connection, PostgresParameters.numbered(sql.text), count, nil, values, lengths, formats, 0)
            }
            guard isSent == 1 else { throw lost() }
        } else {
            let name = try prepare(sql.text)
            let isSent = parameters.withPointers { count, values, lengths, formats in
                PQsendQueryPrepared(connection, name, count, values, lengths, formats, 0)
            }
            guard isSent == 1 else { throw lost() }
        }
        return try reply()
    }

    /// Runs `work` with another limit for each statement.
    func withStatementLimit<Result>(_ limit: Duration, _ work: () throws -> Result) throws -> Result {
        let usual = statementLimit
        statementLimit = limit
        defer { statementLimit = usual }
        return try work()
    }

    private func prepare(_ text: String) throws(StatementFailure) -> String {
        if let name = prepared[text] { return name }
        let name = "s\(prepared.count)"
        guard PQsendPrepare(connection, name, PostgresParameters.numbered(text), 0, nil) == 1 else { throw lost() }
        _ = try reply()
        prepared[text] = name
        return name
    }

    private static func isUnderstood(_ url: String) -> Bool {
        guard let options = PQconninfoParse(url, nil) else { return false }
        PQconninfoFree(options)
        return true
    }

    private static func connect(_ options: KeyValuePairs<String, String>) -> OpaquePointer? {
        var keys = options.map { strdup($0.key) }
        var values = options.map { strdup($0.value) }
        defer { for pointer in keys + values { free(pointer) } }
        keys.append(nil)
        values.append(nil)
        return keys.map { UnsafePointer($0) }.withUnsafeBufferPointer { keys in
            values.map { UnsafePointer($0) }.withUnsafeBufferPointer { values in
                PQconnectdbParams(keys.baseAddress, values.baseAddress, 1)
            }
        }
    }

    // MARK: Answers

    /// The answer to what was sent: that of the last statement, or the first error.
    private func reply() throws(StatementFailure) -> Reply {
        // The server stops by itself; a server that is frozen does not.
        let until = ContinuousClock.now + statementLimit + .seconds(2)
        try send(until: until)
        var reply = Reply()
        var failure: StatementFailure?
        while true {
            try receive(until: until)
            guard let result = PQgetResult(connection) else { break }
            defer { PQclear(result) }
            switch PQresultStatus(result) {
            case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: reply = PostgresResult.reply(of: result)
            default: failure = failure ?? PostgresErrors.failure(of: result, isConnected: isAlive)
            }
        }
        if let failure { throw failure }
        guard isAlive else { throw lost() }
        return reply
    }

    private func send(until: ContinuousClock.Instant) throws(StatementFailure) {
        while true {
            let rest = PQflush(connection)
            if rest == 0 { return }
            guard rest == 1 else { throw lost() }
            // While it cannot take more, it may have to be listened to first.
            let events = try wait(for: Int16(POLLIN | POLLOUT), until: until)
            if events & Int16(POLLIN) != 0, PQconsumeInput(connection) != 1 { throw lost() }
        }
    }

    /// Returns when `PQgetResult` would not block.
    private func receive(until: ContinuousClock.Instant) throws(StatementFailure) {
        while PQisBusy(connection) == 1 {
            _ = try wait(for: Int16(POLLIN), until: until)
            // An error becomes the result; what was already received is not lost by it.
            guard PQconsumeInput(connection) == 1 else { return }
        }
    }

    private func wait(for events: Int16, until: ContinuousClock.Instant) throws(StatementFailure) -> Int16 {
        let socket = PQsocket(connection)
        guard socket >= 0 else { throw lost() }
        while true {
            let left = (until - ContinuousClock.now).inSeconds * 1000
            guard left > 0 else {
                throw StatementFailure(.unavailable("the database does not answer"), .silent)
            }
            var descriptor = pollfd(fd: socket, events: events, revents: 0)
            let count = poll(&descriptor, 1, Int32(min(left.rounded(.up), 60_000)))
            if count > 0 { return descriptor.revents }
            if count < 0, errno != EINTR { throw lost() }
        }
    }

    private func lost() -> StatementFailure {
        let words = Self.oneLine(PQerrorMessage(connection))
        return StatementFailure(.unavailable("the connection to the database is lost: \(words)"), .lost)
    }

    private static func oneLine(_ message: UnsafePointer<CChar>?) -> String {
        PostgresErrors.oneLine(message.map { String(cString: $0) } ?? "")
    }
}

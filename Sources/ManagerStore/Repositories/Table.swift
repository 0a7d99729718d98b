/// The rows of one kind, within a transaction.
///
/// Filters name columns and the values that they have to have; `.null` stands for nobody and nothing.
package struct Table<Element: Record> {
    package typealias Values = [Element.Column: SQLValue]

    let transaction: Transaction

    private var name: SQL { SQL(trusted: Element.table) }
    private var columns: SQL { Element.columns() }

    /// More rows are fetched or written in several statements: databases limit the parameters of one.
    static var batch: Int { 500 }
}

// MARK: Reading

extension Table {
    /// - Throws: `.notFound` if there is no such row.
    package func find(_ id: Int64) throws(StoreError) -> Element {
        guard let element = try findIfAny(id) else { throw .notFound(Element.kind, id) }
        return element
    }

    package func findIfAny(_ id: Int64) throws(StoreError) -> Element? {
        try elements("SELECT \(sql: columns) FROM \(sql: name) WHERE id = \(id)").first
    }

    /// Those that exist, by number.
    package func find(_ ids: some Sequence<Int64>) throws(StoreError) -> [Int64: Element] {
        var result: [Int64: Element] = [:]
        for chunk in Array(Set(ids)).chunks(of: Self.batch) {
            let found = try elements("SELECT \(sql: columns) FROM \(sql: name) WHERE id \(among: Array(chunk))")
            for element in found { result[element.id] = element }
        }
        return result
    }

    /// The first in the usual order.
    package func first(where filter: Values) throws(StoreError) -> Element? {
        try elements(
            """
            SELECT \(sql: columns) FROM \(sql: name)\(sql: condition(filter)) \
            ORDER BY \(sql: Element.order.sql) LIMIT \(1)
            """
        ).first
    }

    /// A page in the usual order, and how many rows there are on all pages.
    package func list(where filter: Values = [:], page: Page) throws(StoreError) -> Listing<Element> {
        if page.offset == 0 {
            let first = try part(where: filter, skipping: 0, atMost: page.size, order: Element.order.sql)
            // A page that is not full tells where the end is.
            return Listing(
                elements: first, total: first.count < page.size ? first.count : try count(where: filter))
        }
        let total = try count(where: filter)
        let length = min(page.size, total - page.offset)
        guard length > 0 else { return Listing(elements: [], total: total) }
        let behind = total - page.offset - length
        // Stepping over rows is what takes long, so it is done from the nearer end.
        if behind >= page.offset {
            let elements = try part(
                where: filter, skipping: page.offset, atMost: length, order: Element.order.sql)
            return Listing(elements: elements, total: total)
        }
        let reversed = try part(where: filter, skipping: behind, atMost: length, order: Element.order.reversed)
        return Listing(elements: reversed.reversed(), total: total)
    }

    private func part(
        where filter: Values, skipping offset: Int, atMost length: Int, order: SQL
    ) throws(StoreError) -> [Element] {
        let condition = condition(filter)
        // Rows that are stepped over are only looked for in the index.
        guard offset > Self.batch else {
            return try elements(
                """
                SELECT \(sql: columns) FROM \(sql: name)\(sql: condition) ORDER BY \(sql: order) \
                LIMIT \(length) OFFSET \(offset)
                """)
        }
        return try elements(
            """
            SELECT \(sql: columns) FROM \(sql: name) WHERE id IN (SELECT id FROM \(sql: name)\(sql: condition) \
            ORDER BY \(sql: order) LIMIT \(length) OFFSET \(offset)) ORDER BY \(sql: order)
            """)
    }

    package func all(where filter: Values = [:]) throws(StoreError) -> [Element] {
        try elements(
            "SELECT \(sql: columns) FROM \(sql: name)\(sql: condition(filter)) ORDER BY \(sql: Element.order.sql)")
    }

    package func count(where filter: Values = [:]) throws(StoreError) -> Int {
        try transaction.count("SELECT count(*) FROM \(sql: name)\(sql: condition(filter))")
    }

    /// Rows that a statement returns which ends in `RETURNING` or begins with `SELECT`, and all columns.
    func elements(_ sql: SQL) throws(StoreError) -> [Element] {
        var result: [Element] = []
        let rows = try transaction.rows(sql)
        result.reserveCapacity(rows.count)
        for row in rows {
            var reader = row.reader
            result.append(try Element(from: &reader))
        }
        return result
    }

    private func condition(_ filter: Values) -> SQL {
        var sql: SQL = ""
        // In the order of the columns, so that the same filter is the same statement.
        for column in Element.Column.allCases {
            guard let value = filter[column] else { continue }
            sql += sql.text.isEmpty ? " WHERE " : " AND "
            sql += condition(column, value)
        }
        // There are more combinations than are worth keeping.
        sql.isRare = filter.count > 1
        return sql
    }
}

extension Table {
    private func condition(_ column: Element.Column, _ value: SQLValue) -> SQL {
        let name = SQL(trusted: column.rawValue)
        if value == .null { return "\(sql: name) IS NULL" }
        guard let length = Element.indexedPrefixes[column], case .text(let text) = value else {
            return "\(sql: name) = \(value)"
        }
        let prefix = String(String.UnicodeScalarView(text.unicodeScalars.prefix(length)))
        let beginning: SQL = "substr(\(sql: name), 1, \(trusted: String(length))) = \(prefix)"
        // A beginning that is shorter is all of it.
        return text.unicodeScalars.count < length ? beginning : "\(sql: beginning) AND \(sql: name) = \(value)"
    }
}

// MARK: Writing

extension Table {
    /// Stores a new row; the number 0 is replaced by the next one, and both times by that of the transaction.
    /// - Returns: the row as it is stored.
    /// - Throws: `.conflict`; `.notFound` if something that it refers to does not exist; `.invalid`.
    package func insert(_ element: Element) throws(StoreError) -> Element {
        try checkReferences(Element.Column.allCases.map { ($0, element.value(of: $0)) })
        let sql: SQL = "\(sql: insertion(of: [element])) RETURNING \(sql: columns)"
        guard let stored = try elements(sql).first else { throw .surprise("an insertion without a row") }
        if element.id != 0, transaction.engine == .postgres {
            // Only SQLite notices by itself that a number is taken.
            _ = try transaction.row(
                """
                SELECT setval(pg_get_serial_sequence('\(trusted: Element.table)', 'id'), max(id)) FROM \(sql: name)
                """)
        }
        return stored
    }

    /// Changes columns of a row.
    /// - Returns: the row as it is stored.
    /// - Throws: `.notFound` if there is no such row, or nothing that it shall refer to; `.conflict`; `.invalid`.
    package func update(_ id: Int64, set values: Values) throws(StoreError) -> Element {
        try checkReferences(values.map { ($0.key, $0.value) })
        var sql: SQL = "UPDATE \(sql: name) SET updated_at = \(transaction.now)"
        for column in Element.Column.allCases {
            if let value = values[column] { sql += ", \(trusted: column.rawValue) = \(stored(value, in: column))" }
        }
        sql += " WHERE id = \(id) RETURNING \(sql: columns)"
        sql.isRare = values.count > 1
        guard let stored = try elements(sql).first else { throw .notFound(Element.kind, id) }
        return stored
    }

    /// Stores a row, or replaces all columns of the one that has the same key, which keeps its number.
    /// - Parameter key: columns with a unique key.
    /// - Throws: as `insert`.
    package func upsert(_ element: Element, on key: [Element.Column]) throws(StoreError) -> Element {
        try checkReferences(Element.Column.allCases.map { ($0, element.value(of: $0)) })
        let sql: SQL = "\(sql: upsertion(of: [element], on: key)) RETURNING \(sql: columns)"
        guard let stored = try elements(sql).first else { throw .surprise("an insertion without a row") }
        return stored
    }

    /// - Throws: `.notFound`; `.inUse` if something still needs the row.
    package func delete(_ id: Int64) throws(StoreError) {
        try checkDependents(of: id)
        guard try transaction.execute("DELETE FROM \(sql: name) WHERE id = \(id)") > 0 else {
            throw .notFound(Element.kind, id)
        }
    }

    /// Deletes the oldest rows that were made before, at most `limit`.
    /// - Returns: how many there were.
    func deleteOldest(before time: Timestamp, limit: Int) throws(StoreError) -> Int {
        try transaction.execute(
            """
            DELETE FROM \(sql: name) WHERE id IN \
            (SELECT id FROM \(sql: name) WHERE created_at < \(time) ORDER BY created_at, id LIMIT \(limit))
            """)
    }

    func checkDependents(of id: Int64) throws(StoreError) {
        for dependent in Element.dependents {
            let sql: SQL = """
                SELECT 1 FROM \(trusted: dependent.table) WHERE \(trusted: dependent.column) = \(id) LIMIT \(1)
                """
            if try transaction.row(sql) != nil { throw .inUse(dependent.text) }
        }
    }

    /// The database checks this as well, but does not tell what is missing.
    private func checkReferences(_ values: [(Element.Column, SQLValue)]) throws(StoreError) {
        for (column, value) in values {
            guard let reference = Element.references[column], case .integer(let id) = stored(value, in: column) else {
                continue
            }
            if try transaction.row("SELECT 1 FROM \(trusted: reference.table) WHERE id = \(id)") == nil {
                throw .notFound(reference.kind, id)
            }
        }
    }

    /// 0 refers to nobody, whether a record says so or an update.
    private func stored(_ value: SQLValue, in column: Element.Column) -> SQLValue {
        value == 0 && Element.references[column]?.isOptional == true ? .null : value
    }

    /// `INSERT` of rows that all have a number, or all have none. At most `batch`.
    func insertion(of elements: some Collection<Element>) -> SQL {
        let hasNumber = elements.first.map { $0.id != 0 } ?? false
        let names = (hasNumber ? ["id"] : []) + ["created_at", "updated_at"] + Element.Column.allCases.map(\.rawValue)
        var sql: SQL = "INSERT INTO \(sql: name) (\(trusted: names.joined(separator: ", "))) VALUES "
        for (index, element) in elements.enumerated() {
            sql += index == 0 ? "(" : ", ("
            if hasNumber { sql += "\(element.id), " }
            sql += "\(transaction.now), \(transaction.now)"
            for column in Element.Column.allCases { sql += ", \(element.value(of: column))" }
            sql += ")"
        }
        sql.isRare = elements.count > 1
        return sql
    }

    func upsertion(of elements: some Collection<Element>, on key: [Element.Column]) -> SQL {
        let others = Element.Column.allCases.filter { !key.contains($0) }.map(\.rawValue) + ["updated_at"]
        let changes = others.map { "\($0) = excluded.\($0)" }.joined(separator: ", ")
        return """
            \(sql: insertion(of: elements)) \
            ON CONFLICT (\(trusted: key.map(\.rawValue).joined(separator: ", "))) DO UPDATE SET \(trusted: changes)
            """
    }
}

extension Transaction {
    /// The only number of the answer.
    func count(_ sql: SQL) throws(StoreError) -> Int {
        guard var reader = try row(sql)?.reader else { throw .surprise("an answer without a number") }
        return try reader.number()
    }

    package var users: Table<User> { Table(transaction: self) }
    package var tokens: Table<PersonalAccessToken> { Table(transaction: self) }
    package var schedulerClusters: Table<SchedulerCluster> { Table(transaction: self) }
    package var seedPeerClusters: Table<SeedPeerCluster> { Table(transaction: self) }
    package var schedulers: Table<Scheduler> { Table(transaction: self) }
    package var seedPeers: Table<SeedPeer> { Table(transaction: self) }
    package var peers: Table<Peer> { Table(transaction: self) }
    package var configs: Table<Config> { Table(transaction: self) }
    package var jobs: Table<Job> { Table(transaction: self) }
    package var applications: Table<Application> { Table(transaction: self) }
    package var oauthProviders: Table<OAuthProvider> { Table(transaction: self) }
    package var audits: Table<Audit> { Table(transaction: self) }
}

/// Why something could not be stored or read. Texts are one line, in lower case, and without passwords.
package enum StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A unique key is taken. `key` is the table with its columns: `users.name`,
    /// `schedulers.host_name,ip,scheduler_cluster_id`.
    case conflict(key: String)
    /// There is no such row: the kind as people call it (`scheduler cluster`), and its number or name.
    case notFound(kind: String, id: String)
    /// Something else still needs it. The text is the one that the manager's interface promises.
    case inUse(String)
    /// Nobody who may sign in would hold the role `root` afterwards.
    case lastRoot
    /// A value that the database refuses.
    case invalid(String)
    /// The database is lost, closed, has too much to do or takes too long. Worth trying again soon.
    case unavailable(String)
    /// The disk is full, or may not be written to.
    case full(String)
    /// The store cannot be opened; what the operator has to do.
    case refused(String)
    /// Anything else; for the log.
    case failed(String)

    package var description: String {
        switch self {
        case .conflict(let key): "\(key) is taken"
        case .notFound(let kind, let id): "\(kind) id \(id): record not found"
        case .inUse(let text), .invalid(let text), .unavailable(let text), .full(let text), .refused(let text),
            .failed(let text):
            text
        case .lastRoot: "the last root that may sign in keeps its role; make another one first"
        }
    }

    static func notFound(_ kind: String, _ id: Int64) -> StoreError { .notFound(kind: kind, id: String(id)) }

    static func surprise(_ text: String) -> StoreError { .failed("the database holds something unexpected: \(text)") }
}

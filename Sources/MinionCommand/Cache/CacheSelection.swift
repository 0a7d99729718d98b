package import MinionCore
package import PieceStore

/// What somebody names of a cache: URLs, names, or the first digits of task ids.
package struct CacheSelection: Sendable {
    private let names: [String]

    package init(_ names: [String]) { self.names = names }

    /// The entries that are meant, in the cache's order. Throws `CommandError` if a name is nobody's.
    package func entries(among entries: [CacheEntryInfo]) throws(CommandError) -> [CacheEntryInfo] {
        var found: Set<TaskID> = []
        for name in names {
            let tasks = Set(entries.lazy.filter { Self.matches($0, name) }.map(\.task))
            guard !tasks.isEmpty else {
                throw CommandError("the cache has no \(name.quoted)", hint: "'minion cache ls' tells what it has")
            }
            found.formUnion(tasks)
        }
        return entries.filter { found.contains($0.task) }
    }

    /// Each task once, in order.
    package static func tasks(of entries: [CacheEntryInfo]) -> [TaskID] {
        var seen: Set<TaskID> = []
        return entries.map(\.task).filter { seen.insert($0).inserted }
    }

    /// A URL means all downloads of it, whatever their tag; what needs credentials is found by its id or name only.
    private static func matches(_ entry: CacheEntryInfo, _ name: String) -> Bool {
        if name.utf8.count >= 8, name.utf8.allSatisfy(Hex.isLowerDigit), entry.task.hex.hasPrefix(name) { return true }
        if !entry.label.resource.isEmpty {
            let url = try? SourceURL(name)
            let resource = TaskIdentity.resource(
                url: url?.text ?? name, ignoring: TaskIdentity.signatureParameters)
            if entry.label.resource == name || entry.label.resource == resource { return true }
        }
        return entry.label.name == name
    }
}

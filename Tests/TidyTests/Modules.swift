/// What each module may import. The order of the table is that of the layers: a module knows only modules above it.
struct Module {
    let name: String
    /// Modules of this package that it may import.
    let own: Set<String>
    /// Modules from elsewhere that it may import; nil: any.
    let others: Set<String>?

    private static let libc: Set<String> = ["Glibc", "Musl", "Darwin"]
    private static let essentials: Set<String> = ["FoundationEssentials", "Foundation"]

    static let all: [Module] = [
        // Words and rules: neither input nor output, neither clock nor randomness of their own.
        Module("MinionCore", others: []),
        Module("Swarm", "MinionCore", others: []),
        Module("Fleet", "MinionCore", others: []),
        Module("MinionLog", others: libc.union(["Logging", "Synchronization"])),
        Module("SwarmSimulator", "MinionCore", "Swarm", others: libc.union(essentials)),
        // Disk, and no network.
        Module(
            "PieceStore", "MinionCore",
            others: libc.union(essentials).union(["Crypto", "Dispatch", "Synchronization", "SystemPackage"])),
        // Messages, and nobody who sends them.
        Module("Wire", "MinionCore", "Swarm", others: essentials.union(["Crypto"])),
        // Drivers.
        Module("Registry", "MinionCore"),
        Module("Node", "Fleet", "MinionCore", "PieceStore", "Registry", "Swarm", "Wire"),
        Module("HTTPFront", "MinionCore"),
        Module("Scheduler", "Fleet", "HTTPFront", "MinionCore", "Swarm", "Wire"),
        // The manager. Its SQL and the two databases are known to its store only.
        Module(
            "ManagerStore",
            others: libc.union(essentials).union(["CLibPQ", "GRDB", "Logging", "NIOPosix", "Synchronization"])),
        // It knows nothing of the scheduler, which may share its port.
        Module("Manager", "Fleet", "HTTPFront", "ManagerStore", "MinionCore", "Registry"),
        // A node for all programs of a host, behind a local socket.
        Module(
            "HostNode", "MinionCore", "Node", "PieceStore",
            others: libc.union(essentials).union(["Logging", "NIOCore", "NIOPosix", "Synchronization"])),
        // What programs import.
        Module("Minion", "HostNode", "MinionCore", "Node", "PieceStore"),
        // The programs.
        Module("MinionServer", "Fleet", "HTTPFront", "Manager", "ManagerStore", "MinionCore", "MinionLog", "Scheduler"),
        Module("minion-server", "MinionServer", others: []),
        Module(
            "MinionCommand", "Fleet", "HostNode", "MinionCore", "MinionLog", "Node", "PieceStore", "Swarm",
            "SwarmSimulator", "Wire"),
        Module("MinionMain", "MinionCommand", others: []),
        // Below Benchmarks: measures, and is shipped to nobody.
        Module("TrackerLoad", "MinionCore", "Swarm", "Wire"),
        Module("Micro", "MinionCore", "PieceStore", "Swarm", "Wire"),
        Module("StoreLoad", "ManagerStore"),
    ]

    init(_ name: String, _ own: String..., others: Set<String>? = nil) {
        self.name = name
        self.own = Set(own)
        self.others = others
    }

    /// The imports among `imports` that are not allowed. `known` are the names of all modules of this package.
    func forbidden(among imports: [String], known: Set<String>) -> [String] {
        imports.filter { name in
            if known.contains(name) { return !own.contains(name) }
            return others.map { !$0.contains(name) } ?? false
        }
    }
}

/// The modules that a Swift file imports, in order, whatever stands before or behind the name.
func importedModules(in text: some StringProtocol) -> [String] {
    text.split(separator: "\n").compactMap(importedModule)
}

private func importedModule(in line: some StringProtocol) -> String? {
    var words = line.split { $0 == " " || $0 == "\t" }[...]
    while let word = words.first, word.hasPrefix("@") || ["public", "package", "internal", "private"].contains(word) {
        words.removeFirst()
    }
    guard words.popFirst() == "import", var name = words.popFirst() else { return nil }
    let kinds = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
    if kinds.contains(String(name)), let next = words.popFirst() { name = next }
    return String(name.prefix { $0 != "." && $0 != ";" })
}

import Glibc
import PieceStore

/// Where `minion serve` keeps its files if nothing else is said.
package enum DataDirectory {
    /// `/var/lib/minion` for root; for others `$XDG_DATA_HOME/minion`, else `~/.local/share/minion`. Nil if there is no home.
    package static func standard(environment: [String: String], isRoot: Bool) -> String? {
        if isRoot { return "/var/lib/minion" }
        if let data = environment["XDG_DATA_HOME"], data.hasPrefix("/") { return data + "/minion" }
        if let home = environment["HOME"], home.hasPrefix("/") { return home + "/.local/share/minion" }
        return nil
    }

    /// Makes the folders above the last one; whoever uses that makes it, with the rights that it needs. `flag` names another
    /// place.
    static func makeParents(of path: String, flag: String = "--data-dir") throws(CommandError) {
        let names = path.split(separator: "/").dropLast()
        var folder = ""
        for name in names {
            folder += "/" + name
            if mkdir(folder, 0o755) != 0, errno != EEXIST {
                // The folder may be there though it cannot be made, in a read-only part of the tree.
                guard FileKind(at: folder) == .folder else {
                    throw CommandError(
                        "cannot make the folder \(folder.quoted): \(lastError())",
                        hint: "\(flag) names another place")
                }
            }
        }
    }
}

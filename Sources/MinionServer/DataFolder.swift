/// Where a server keeps its files if nothing else is said.
package enum DataFolder {
    /// `/var/lib/minion` for root; for others `$XDG_DATA_HOME/minion`, else `~/.local/share/minion`. Nil if there is no home.
    package static func standard(environment: [String: String], isRoot: Bool) -> String? {
        if isRoot { return "/var/lib/minion" }
        if let data = environment["XDG_DATA_HOME"], data.hasPrefix("/") { return data + "/minion" }
        if let home = environment["HOME"], home.hasPrefix("/") { return home + "/.local/share/minion" }
        return nil
    }
}

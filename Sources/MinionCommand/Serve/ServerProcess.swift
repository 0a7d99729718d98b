import Glibc

/// The server's program: it carries the database and the web interface, which a host that only downloads does not need.
enum ServerProcess {
    static let name = "minion-server"

    /// Runs the server in the place of this process. Returns only if that fails, and then why.
    static func replaceThis(with arguments: [String]) -> CommandError {
        guard let program = find() else {
            return CommandError(
                "the server's program, \(name), is neither beside this one nor on the path",
                hint: "install it from the same build: swift build -c release --product \(name)")
        }
        // It speaks of itself by the name that it is called by.
        var argv: [UnsafeMutablePointer<CChar>?] = (["minion"] + arguments).map { strdup($0) }
        argv.append(nil)
        execv(program, argv)
        let reason = lastError()
        for argument in argv { free(argument) }
        return CommandError("cannot run \(program.quoted): \(reason)")
    }

    /// Beside this program, wherever links lead to it, else on the path.
    private static func find() -> String? {
        var folders: [String] = []
        if let resolved = realpath("/proc/self/exe", nil) {
            folders.append(folder(of: String(cString: resolved)))
            free(resolved)
        }
        if let path = getenv("PATH") { folders += String(cString: path).split(separator: ":").map(String.init) }
        return folders.lazy.map { $0 + "/" + name }.first { access($0, X_OK) == 0 }
    }

    private static func folder(of path: String) -> String {
        String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    }
}

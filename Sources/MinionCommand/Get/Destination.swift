import Glibc
import PieceStore

/// Where the bytes go.
package enum Destination: Hashable, Sendable {
    /// The absolute path of a file to make or to replace.
    case file(String)
    case standardOutput

    /// Applies curl's and wget's rules to what the user gave: `-` is stdout, a folder takes the URL's last segment as the
    /// file's name, anything else is the file. All that could make the download useless in the end is found here: no
    /// such folder, no right to write, something else than a file under that name.
    package static func resolve(
        _ path: String, url: SourceURL, workingDirectory: String
    ) throws(CommandError) -> Destination {
        if path == "-" { return .standardOutput }
        guard !path.isEmpty else { throw .usage("the destination is empty", hint: "'.' is the current folder") }
        var shown = path
        var absolute = Self.absolute(path, in: workingDirectory)
        if FileKind(at: absolute) == .folder {
            let name = try url.fileName()
            absolute += absolute.hasSuffix("/") ? name : "/" + name
            shown += shown.hasSuffix("/") ? name : "/" + name
        } else if path.hasSuffix("/") {
            throw CommandError("the folder \(path.quoted) does not exist", hint: "create it first: mkdir -p")
        }
        return .file(try writableFile(absolute, shown: shown))
    }

    /// The path from the root on, without needless dots in front.
    package static func absolute(_ path: String, in workingDirectory: String) -> String {
        guard !path.hasPrefix("/") else { return path }
        var rest = path[...]
        while rest.hasPrefix("./") { rest = rest.dropFirst(2).drop { $0 == "/" } }
        if rest == "." || rest.isEmpty { return workingDirectory }
        return workingDirectory.hasSuffix("/") ? workingDirectory + rest : workingDirectory + "/" + rest
    }

    private static func writableFile(_ path: String, shown: String) throws(CommandError) -> String {
        var path = path
        switch FileKind(at: path) {
        case .folder: throw CommandError("\(shown.quoted) is a folder")
        case .other:
            throw CommandError("\(shown.quoted) is no regular file", hint: "'-o -' writes to stdout")
        case .file:
            guard access(path, W_OK) == 0 else { throw CommandError("cannot write \(shown.quoted): \(lastError())") }
            // A link is followed, so that the file behind it is replaced and not the link.
            if let resolved = realpath(path, nil) {
                path = String(cString: resolved)
                free(resolved)
            }
        case .missing: break
        }
        // The caller gave an absolute path, so there is a slash.
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let name = path[path.index(after: slash)...]
        guard name.utf8.count <= 255 else {
            throw .usage(
                "the file name \(String(name).quoted) has more than 255 bytes", hint: "give another with -o FILE")
        }
        let folder = slash == path.startIndex ? "/" : String(path[..<slash])
        switch FileKind(at: folder) {
        case .folder: break
        case .missing:
            throw CommandError("the folder \(folder.quoted) does not exist", hint: "create it first: mkdir -p")
        case .file, .other: throw CommandError("\(folder.quoted) is no folder")
        }
        guard access(folder, W_OK | X_OK) == 0 else {
            throw CommandError("cannot write in the folder \(folder.quoted): \(lastError())")
        }
        return path
    }
}

/// What the last failed system call says, in words.
func lastError() -> String { String(cString: strerror(errno)).lowercased() }

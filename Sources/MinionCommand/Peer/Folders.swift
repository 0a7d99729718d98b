import Glibc
import PieceStore

/// Folders that a command makes.
enum Folders {
    /// Makes the folders above the last one; whoever uses that makes it, with the rights that it needs. `flag` names another
    /// place.
    static func makeParents(of path: String, flag: String) throws(CommandError) {
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

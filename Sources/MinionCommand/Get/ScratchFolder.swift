import Glibc

/// A folder for the file of a download that goes to stdout: nobody else can read it, and it goes away with all that is in it.
enum ScratchFolder {
    /// Its absolute path.
    static func make(in folder: String) throws(CommandError) -> String {
        var template = Array("\(folder)/minion-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw CommandError(
                "cannot make a temporary folder in \(folder.quoted): \(lastError())",
                hint: "TMPDIR names another place")
        }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Removes the folder and the files in it.
    static func remove(_ path: String) {
        if let folder = opendir(path) {
            while let entry = readdir(folder) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if name != ".", name != ".." { unlink("\(path)/\(name)") }
            }
            closedir(folder)
        }
        rmdir(path)
    }
}

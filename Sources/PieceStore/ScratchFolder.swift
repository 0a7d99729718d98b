#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A folder for a file that is only passed on: nobody else can read it, and it goes away with all that is in it.
package enum ScratchFolder {
    /// Makes one in `folder`. Its absolute path. Throws `StorageError`.
    package static func make(in folder: String) throws(StorageError) -> String {
        var template = Array("\(folder)/minion-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            let reason = String(cString: strerror(errno)).lowercased()
            throw StorageError(
                .noFolder, "cannot make a temporary folder in \(folder): \(reason); TMPDIR names another place")
        }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Where such folders are made: `TMPDIR`, else `/var/tmp`, which is on a disk.
    package static func place(environment: [String: String]) -> String {
        environment["TMPDIR"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/var/tmp"
    }

    /// Removes the folder and the files in it.
    package static func remove(_ path: String) {
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

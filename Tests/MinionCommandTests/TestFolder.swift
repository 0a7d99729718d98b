import Glibc

/// A folder for one test, gone with all that is in it afterwards.
struct TestFolder: ~Copyable {
    let path: String

    init() {
        var template = Array("/tmp/minion-test-XXXXXX".utf8CString)
        precondition(mkdtemp(&template) != nil, "no temporary folder")
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { removeAll(path) }

    func make(folder name: String) { mkdir("\(path)/\(name)", 0o755) }

    func write(_ text: String, to name: String, mode: mode_t = 0o644) {
        let fd = open("\(path)/\(name)", O_CREAT | O_WRONLY | O_TRUNC, mode)
        precondition(fd >= 0, "cannot write \(name)")
        _ = text.withCString { Glibc.write(fd, $0, strlen($0)) }
        close(fd)
    }

    /// The names in it, sorted.
    var names: [String] { entries(path).sorted() }
}

/// The whole text of a small file; nil if it cannot be read.
func contents(_ path: String) -> String? {
    let fd = open(path, O_RDONLY)
    guard fd >= 0 else { return nil }
    defer { close(fd) }
    return readToEnd(fd)
}

/// Reads until the end of a file or until all writers of a pipe are gone.
func readToEnd(_ fd: Int32) -> String {
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
        let count = read(fd, &buffer, buffer.count)
        if count <= 0 { return String(decoding: all, as: UTF8.self) }
        all += buffer[..<count]
    }
}

private func entries(_ path: String) -> [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != ".", name != ".." { names.append(name) }
    }
    return names
}

private func removeAll(_ path: String) {
    for name in entries(path) where unlink("\(path)/\(name)") != 0 { removeAll("\(path)/\(name)") }
    rmdir(path)
}

import Glibc
import MinionCommand
import Testing

@Suite struct DestinationTests {
    private func resolve(_ path: String, in folder: String, url: String = "http://h/dir/data.bin") throws -> Destination
    {
        try Destination.resolve(path, url: SourceURL(url), workingDirectory: folder)
    }

    @Test func folderTakesTheNameFromTheURL() throws {
        let folder = TestFolder()
        folder.make(folder: "sub")
        #expect(try resolve(".", in: folder.path) == .file(folder.path + "/data.bin"))
        #expect(try resolve("sub", in: folder.path) == .file(folder.path + "/sub/data.bin"))
        #expect(try resolve(folder.path + "/sub/", in: "/") == .file(folder.path + "/sub/data.bin"))
        #expect(try resolve("sub", in: folder.path, url: "http://h/") == .file(folder.path + "/sub/index.html"))
    }

    @Test func anythingElseIsTheFile() throws {
        let folder = TestFolder()
        folder.write("old", to: "there")
        #expect(try resolve("new", in: folder.path) == .file(folder.path + "/new"))
        #expect(try resolve("there", in: folder.path) == .file(folder.path + "/there"))
        #expect(try resolve("-", in: folder.path) == .standardOutput)
        // Its name does not matter if another is given.
        #expect(try resolve("new", in: folder.path, url: "http://h/a%2fb") == .file(folder.path + "/new"))
    }

    @Test(arguments: [
        ("a", "/w/a"), ("./a", "/w/a"), (".", "/w"), ("././/a/b", "/w/a/b"), ("/a", "/a"), (".a", "/w/.a"),
        ("../a", "/w/../a"),
    ])
    func relativePathStartsAtTheWorkingDirectory(path: String, absolute: String) {
        #expect(Destination.absolute(path, in: "/w") == absolute)
    }

    @Test func linkIsFollowed() throws {
        let folder = TestFolder()
        folder.make(folder: "real")
        folder.write("old", to: "real/file")
        symlink(folder.path + "/real/file", folder.path + "/link")
        #expect(try resolve("link", in: folder.path) == .file(folder.path + "/real/file"))
    }

    @Test func whatCannotWorkIsFoundBefore() throws {
        let folder = TestFolder()
        folder.write("", to: "file")
        folder.make(folder: "data.bin")
        let path = folder.path
        let cases: [(path: String, code: Int32, says: String)] = [
            ("", 2, "empty"), ("none/", 1, "folder 'none/' does not exist"),
            ("none/x", 1, "folder '\(path)/none' does not exist"), ("file/x", 1, "no folder"), (".", 1, "is a folder"),
            ("/dev/null", 1, "no regular file"), (String(repeating: "n", count: 256), 2, "255 bytes"),
        ]
        for expected in cases {
            let error = #expect(throws: CommandError.self, "\(expected.path)") { try resolve(expected.path, in: path) }
            #expect(error?.exitCode == expected.code, "\(expected.path)")
            #expect(error?.message.contains(expected.says) == true, "\(expected.path): \(error?.message ?? "")")
        }
    }

    @Test(.enabled(if: geteuid() != 0, "root may write anywhere"))
    func missingRightToWriteIsFoundBefore() {
        let folder = TestFolder()
        let path = folder.path
        folder.write("", to: "data.bin", mode: 0o444)
        var error = #expect(throws: CommandError.self) { try resolve(".", in: path) }
        #expect(error?.message == "cannot write './data.bin': permission denied")
        chmod(path, 0o555)
        defer { chmod(path, 0o755) }
        error = #expect(throws: CommandError.self) { try resolve("new", in: path) }
        #expect(error?.message == "cannot write in the folder '\(path)': permission denied")
    }
}

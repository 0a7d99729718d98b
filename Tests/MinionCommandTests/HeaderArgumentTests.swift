import MinionCommand
import Node
import Testing

@Suite struct HeaderArgumentTests {
    private func headers(_ arguments: [String]) throws -> [DownloadRequest.Header] {
        try GetOptions(
            arguments: ["http://host/file"] + arguments, environment: [:], workingDirectory: "/tmp"
        ).request.headers
    }

    @Test func fileGivesOneFieldALine() throws {
        let folder = TestFolder()
        folder.write("Authorization: Bearer x\r\n\nX-Two: 2\n", to: "fields")
        let found = try headers(["-H", "X-One: 1", "-H", "@\(folder.path)/fields", "-H", "X-Three: 3"])
        #expect(found.map(\.name) == ["X-One", "Authorization", "X-Two", "X-Three"])
        #expect(found.map(\.value) == ["1", "Bearer x", "2", "3"])
    }

    @Test func wordsAboutAFileDoNotTellItsSecrets() throws {
        let folder = TestFolder()
        folder.write("X-One: 1\nsecret\n", to: "fields")
        let path = folder.path
        let error = #expect(throws: CommandError.self) { try headers(["-H", "@\(path)/fields"]) }
        #expect(error?.exitCode == 2)
        #expect(error?.message.contains("line 2") == true)
        #expect(error?.text.contains("secret") == false)
    }

    @Test func fileThatIsNotThereIsAnError() {
        let error = #expect(throws: CommandError.self) { try headers(["-H", "@/nowhere/fields"]) }
        #expect(error?.message == "cannot read header fields from '/nowhere/fields': no such file or directory")
    }

    @Test func fileWithoutEndIsRefused() {
        let error = #expect(throws: CommandError.self) { try headers(["-H", "@/dev/zero"]) }
        #expect(error?.message.contains("1048576") == true)
    }

    @Test func nameOfTheFileIsNeeded() {
        #expect(throws: (any Error).self) { try headers(["-H", "@"]) }
    }
}

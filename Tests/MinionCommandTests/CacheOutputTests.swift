import FoundationEssentials
import HostNode
import MinionCommand
import MinionCore
import PieceStore
import Testing

@Suite struct CacheOutputTests {
    private func entry(
        _ digit: String, resource: String = "http://h/a", name: String = "a", here: Int64 = 100, isInUse: Bool = false
    ) throws -> CacheEntryInfo {
        // Read from JSON, as it comes from a node.
        let json = """
            {"task":"\(String(repeating: digit, count: 64))",
             "label":{"resource":"\(resource)","tag":"","application":"","name":"\(name)"},
             "version":{"validator":"v","size":100,"pieceSize":64,"hasRanges":true,"freshUntil":7.5},
             "path":"/c/content","bytesHere":\(here),"bytesOnDisk":\(here),"isComplete":\(here == 100),
             "isInUse":\(isInUse),"lastUsed":1000,"created":10}
            """
        return try JSONDecoder().decode(CacheEntryInfo.self, from: Data(json.utf8))
    }

    @Test func tableHasColumns() throws {
        let text = CacheOutput.table(
            [try entry("a", here: 50), try entry("b", resource: "", name: "s\\u001b", isInUse: true)], now: 1000 + 7200)
        let lines = text.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines[0] == "TASK           SIZE  HERE  USED  STATE             RESOURCE")
        #expect(lines[1] == "aaaaaaaaaaaa  100 B   50%    2h  partial           http://h/a")
        #expect(lines[2] == "bbbbbbbbbbbb  100 B  100%    2h  complete, in use  s\\u{1b} (bbbbbbbbbbbb)")
    }

    @Test func jsonIsOneObjectALine() throws {
        struct Line: Decodable {
            let task: String
            let size: Int64
            let complete: Bool
            let inUse: Bool
            let lastUsed: Int64
            let path: String
        }
        let text = CacheOutput.json([try entry("a"), try entry("b", here: 3)])
        let lines = try text.split(separator: "\n").map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
        #expect(lines.map(\.complete) == [true, false])
        #expect(lines.allSatisfy { $0.size == 100 && $0.lastUsed == 1000 && $0.path == "/c/content" && !$0.inUse })
    }

    @Test func wholeCacheIsSummed() throws {
        let report = CacheReport(folder: "/c", limit: 1 << 30)
        let entries = [try entry("a"), try entry("b", here: 3)]
        #expect(CacheOutput.text(report, entries) == "/c: 103 B of 1.00 GiB\n1 complete, 1 partial\n")
        let json = CacheOutput.json(report, entries)
        #expect(json.contains(#""limit":1073741824,"entries":2,"completeEntries":1,"bytesHere":103"#))
        #expect(CacheOutput.json(CacheReport(folder: "/c", limit: nil), []).contains(#""limit":null"#))
    }

    @Test(arguments: [
        ("aaaaaaaa", ["a"]), (String(repeating: "b", count: 64), ["b"]), ("http://h/x", ["a", "b"]),
        ("HTTP://H:80/x#part", ["a", "b"]), ("http://h/x?X-Amz-Signature=1", ["a", "b"]), ("secret.bin", ["c"]),
        ("minion:n", ["d"]),
    ])
    func contentIsFoundByAnyOfItsNames(name: String, digits: [String]) throws {
        let all = [
            try entry("a", resource: "http://h/x"), try entry("b", resource: "http://h/x"),
            try entry("c", resource: "", name: "secret.bin"), try entry("d", resource: "minion:n", name: "n"),
        ]
        let found = try CacheSelection([name]).entries(among: all)
        #expect(found.map { String($0.task.hex.prefix(1)) } == digits)
    }

    @Test(arguments: ["aaaaaaa", "http://h/y", "cccccccc"])
    func whatIsNotThereIsNamed(name: String) throws {
        let entries = [try entry("a", resource: "http://h/x")]
        let error = #expect(throws: CommandError.self) { try CacheSelection([name]).entries(among: entries) }
        #expect(error?.message.contains(name) == true && error?.exitCode == 1)
    }

    @Test func taskOfTwoVersionsIsNamedOnce() throws {
        #expect(CacheSelection.tasks(of: [try entry("a"), try entry("b"), try entry("a")]).count == 2)
    }
}

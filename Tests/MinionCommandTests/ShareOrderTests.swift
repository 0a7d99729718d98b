import MinionCommand
import Node
import Testing

@Suite struct ShareOrderTests {
    private func order(_ arguments: [String], environment: [String: String] = ["MINION_TRACKER": "box"]) throws
        -> ShareOrder
    {
        try ShareOrder(arguments: arguments, environment: environment, workingDirectory: "/work")
    }

    @Test(arguments: [
        (["disk.img"], "minion:disk.img", "/work/disk.img"), (["/a/b c", "--as", "x"], "minion:x", "/a/b c"),
        (["f", "--as", "nightly/42"], "minion:nightly/42", "/work/f"),
        (["f", "--as", "minion:y"], "minion:y", "/work/f"),
        (["f", "--as", "https://H/file#x"], "https://H/file", "/work/f"),
    ])
    func nameIsThatOfTheFileOrTheGivenOne(arguments: [String], name: String, path: String) throws {
        let order = try order(arguments)
        #expect(order.request.name == name && order.request.path == path)
        #expect(order.node.trackers == ["http://box:8080"])
        #expect(!order.node.mayUseSource && order.wait == nil)
    }

    @Test func everyFlagArrives() throws {
        let order = try order([
            "f", "--tracker", "t:1", "--tag", "a b", "--application", "app", "--upload-rate", "1M", "--wait", "5",
            "--site",
            "s", "--location", "x|y", "--listen", "7000", "--advertise", "h",
        ])
        #expect(order.request.tag == "a b" && order.request.application == "app")
        #expect(order.request.uploadRate == 1_048_576)
        #expect(order.wait == .seconds(5))
        #expect(order.node.site == "s" && order.node.location == "x|y")
        #expect(order.node.listen == ":7000" && order.node.advertise == "h")
        #expect(order.command == "minion get minion:f --tracker t:1 --tag 'a b' --application app")
    }

    /// What is printed can be pasted.
    @Test func commandIsQuoted() throws {
        let order = try order(["f", "--as", "it's;rm"])
        #expect(order.command == "minion get 'minion:it'\\''s;rm' --tracker box:8080")
    }

    @Test(
        arguments: [
            (["f"], [:], ["tracker"]), (["a b"], ["MINION_TRACKER": "t"], ["'a b'", "--as"]),
            (["f", "--as", "ftp://x/y"], ["MINION_TRACKER": "t"], ["ftp"]),
            (["f", "--as", "http://u:p@h/y"], ["MINION_TRACKER": "t"], ["password"]),
            (["f", "--as", ""], ["MINION_TRACKER": "t"], ["''"]), ([""], ["MINION_TRACKER": "t"], ["empty"]),
        ] as [([String], [String: String], [String])])
    func nonsenseIsRefusedAndNamed(arguments: [String], environment: [String: String], names: [String]) {
        let error = #expect(throws: CommandError.self) { try order(arguments, environment: environment) }
        #expect(error?.exitCode == 2)
        for name in names { #expect(error?.text.contains(name) == true, "\(error?.text ?? "")") }
    }
}

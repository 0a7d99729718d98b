import HostNode
import MinionCore
import Node
import Testing

@Suite struct JSONLinesTests {
    @Test func ordersSurviveTheJourney() throws {
        var request = DownloadRequest(url: "http://h/f", destination: "")
        request.headers = [.init(name: "A", value: "b\nc")]
        let task = try #require(TaskID(hex: String(repeating: "a", count: 64)))
        for action in [.get(request), .cacheList, .cacheRemove([task]), .cacheVerify([])]
            as [HostOrder.Action]
        {
            let line = try JSONLines.encode(HostOrder(action))
            #expect(line.count { $0 == UInt8(ascii: "\n") } == 1)
            let back = try JSONLines.decode(HostOrder.self, from: line.dropLast())
            #expect("\(back)" == "\(HostOrder(action))")
        }
    }

    @Test func linesAreCutWhereverTheBytesAre() {
        var splitter = LineSplitter()
        var lines: [String] = []
        for byte in "one\n\ntwo\nthr".utf8 {
            lines += (splitter.add(CollectionOfOne(byte)) ?? []).map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(lines == ["one", "", "two"])
        #expect(splitter.add("ee\nfour\n".utf8)?.map { String(decoding: $0, as: UTF8.self) } == ["three", "four"])
    }

    @Test func endlessLineIsRefused() {
        var splitter = LineSplitter()
        let part = [UInt8](repeating: 65, count: 1 << 20)
        #expect((0..<4).allSatisfy { _ in splitter.add(part) != nil })
        #expect(splitter.add(part) == nil)
    }
}

import MinionCommand
import Node
import Testing

@Suite struct NodeMessagesTests {
    @Test func messagesSurviveTheJourney() throws {
        var progress = DownloadProgress()
        progress.size = 7
        progress.sourceReasons = ["a\nb"]
        for update in [
            .progress(progress), .prefix(path: "/a\nb", bytes: 3), .warning("w"), .finished(progress),
            .failed(DownloadError(.checksumMismatch, "m")),
        ] as [DownloadUpdate] {
            let line = try JSONLines.encode(NodeMessage.update(update))
            #expect(line.last == UInt8(ascii: "\n"))
            #expect(line.count { $0 == UInt8(ascii: "\n") } == 1)
            let back = try JSONLines.decode(NodeMessage.self, from: line.dropLast())
            #expect("\(back)" == "\(NodeMessage.update(update))")
        }
    }

    @Test func orderSurvivesTheJourney() throws {
        var request = DownloadRequest(url: "http://h/f", destination: "/tmp/f")
        request.headers = [.init(name: "A", value: "b")]
        let order = NodeOrder(
            request: request, uploadSeconds: 1.5, deletesFile: true, scratchFolder: "/x", verbosity: 2)
        let back = try JSONLines.decode(NodeOrder.self, from: try JSONLines.encode(order).dropLast())
        #expect("\(back)" == "\(order)")
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

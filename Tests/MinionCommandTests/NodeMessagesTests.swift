import HostNode
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
}

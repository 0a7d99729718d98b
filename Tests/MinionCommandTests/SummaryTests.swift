import MinionCommand
import Node
import Testing

@Suite struct SummaryTests {
    private func progress(source: Int64 = 0, peers: Int64 = 0, here: Int64 = 0, neighbours: Int = 0) -> DownloadProgress
    {
        var progress = DownloadProgress()
        progress.size = (source + peers + here) << 20
        progress.bytesFromSource = source << 20
        progress.bytesFromPeers = peers << 20
        progress.bytesAlreadyHere = here << 20
        progress.neighbours = neighbours
        progress.seconds = 4
        progress.bytesPerSecond = Double(source + peers) * 1_048_576 / 4
        return progress
    }

    @Test func lineNamesEveryOrigin() {
        #expect(
            Summary.line(progress(source: 8, peers: 48, here: 8, neighbours: 7), name: "f")
                == "f: 64.0 MiB in 4.00 s, 14.0 MiB/s: 8.00 MiB from the source, 48.0 MiB from 7 peers, 8.00 MiB already here"
        )
        #expect(
            Summary.line(progress(peers: 48, neighbours: 1), name: "f")
                == "f: 48.0 MiB in 4.00 s, 12.0 MiB/s: 48.0 MiB from 1 peer")
        #expect(Summary.line(progress(here: 8), name: "f") == "f: 8.00 MiB in 4.00 s: 8.00 MiB already here")
        #expect(Summary.line(progress(), name: "f") == "f: 0 B in 4.00 s")
    }

    @Test func explanationGivesTheReasons() {
        var some = progress(source: 1)
        some.sourceReasons = ["a", "b"]
        #expect(Summary.explanation(some, hasTracker: true) == ["source used: a", "source used: b"])
        #expect(Summary.explanation(progress(peers: 1), hasTracker: true) == ["the source sent nothing"])
        #expect(Summary.explanation(progress(source: 1), hasTracker: false).first?.contains("--tracker") == true)
    }

    @Test func explanationSaysWhetherTheSourceWasAsked() {
        var some = progress(peers: 1, here: 1)
        some.sourceQuestions = 0
        #expect(Summary.explanation(some, hasTracker: true).first?.contains("was not asked") == true)
        some.sourceQuestions = 1
        #expect(Summary.explanation(some, hasTracker: true).first?.contains("only asked which version") == true)
    }
}

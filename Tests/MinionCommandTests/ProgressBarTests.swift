import MinionCommand
import Node
import Testing

@Suite struct ProgressBarTests {
    private func progress(size: Int64? = 128 << 20, source: Int64, peers: Int64, here: Int64 = 0) -> DownloadProgress {
        var progress = DownloadProgress()
        progress.size = size
        progress.bytesFromSource = source << 20
        progress.bytesFromPeers = peers << 20
        progress.bytesAlreadyHere = here << 20
        progress.bytesPerSecond = 8 * 1_048_576
        progress.neighbours = 7
        return progress
    }

    @Test(arguments: [
        (20, " 50%  8.00 MiB/s"),
        (40, " 50%  8.00 MiB/s  0:08 left"),
        (60, " 50%  8.00 MiB/s  0:08 left  source 12%, peers 88%"),
        (80, " 50% [-=====      ]  8.00 MiB/s  0:08 left  7 neighbours  source 12%, peers 88%"),
        (
            140,
            " 50% [---=================                    ]  8.00 MiB/s  0:08 left  7 neighbours"
                + "  source 8.00 MiB, peers 56.0 MiB  64.0 MiB of 128 MiB"
        ),
    ])
    func lineShowsWhatFits(width: Int, line: String) {
        #expect(ProgressBar.line(progress(source: 8, peers: 56), width: width, colours: false) == line)
    }

    @Test func lineNeverReachesTheLastColumn() {
        var states = [
            progress(source: 0, peers: 0), progress(source: 128, peers: 0), progress(source: 3, peers: 9, here: 40),
        ]
        states.append(progress(size: nil, source: 3, peers: 1))
        var odd = progress(size: 1 << 50, source: 1 << 29, peers: 1 << 28)
        odd.bytesPerSecond = 0.5
        odd.neighbours = 1_000_000
        states.append(odd)
        var lost = progress(size: 10, source: 4, peers: 4)
        lost.bytesPerSecond = -.infinity
        states.append(lost)
        for state in states {
            for width in 0...200 {
                let line = ProgressBar.line(state, width: width, colours: false)
                #expect(line.count <= max(0, width - 1), "\(width): \(line)")
            }
        }
    }

    @Test func coloursAddNoColumns() {
        let state = progress(source: 8, peers: 40, here: 16)
        for width in 1...200 {
            let plain = ProgressBar.line(state, width: width, colours: false)
            let coloured = ProgressBar.line(state, width: width, colours: true)
            #expect(coloured.replacing(/\u{1B}\[[0-9]*m/, with: "") == plain)
        }
    }

    @Test func barTellsWhereBytesCameFrom() {
        let line = ProgressBar.line(progress(source: 32, peers: 32, here: 32), width: 125, colours: false)
        let cells = line.split(separator: "[")[1].prefix { $0 != "]" }
        let count = { (c: Character) in Double(cells.count { $0 == c }) / Double(cells.count) }
        for character in [":", "-", "=", " "] as [Character] { #expect(abs(count(character) - 0.25) < 0.05) }
    }

    @Test func unknownSizeShowsBytesInsteadOfAShare() {
        let line = ProgressBar.line(progress(size: nil, source: 5, peers: 0), width: 100, colours: false)
        #expect(line == "5.00 MiB  8.00 MiB/s  7 neighbours  source 5.00 MiB, peers 0 B")
    }

    @Test func hundredPercentMeansAll() {
        var almost = progress(size: 1_000_000_000_000, source: 0, peers: 0)
        almost.bytesFromSource = 999_999_999_999
        #expect(ProgressBar.line(almost, width: 10, colours: false).hasPrefix(" 99%"))
        almost.bytesFromSource += 1
        #expect(ProgressBar.line(almost, width: 10, colours: false).hasPrefix("100%"))
    }

    @Test func timeLeftIsUnknownWhenNothingMoves() {
        var stalled = progress(source: 1, peers: 0)
        stalled.bytesPerSecond = 0
        #expect(ProgressBar.line(stalled, width: 40, colours: false) == "  0%  0 B/s  --:-- left")
        stalled.bytesPerSecond = 1024
        #expect(ProgressBar.line(stalled, width: 40, colours: false) == "  0%  1.00 KiB/s  36:07:28 left")
    }
}

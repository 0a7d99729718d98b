import MinionCore
package import Node

/// The line that a terminal shows while a download runs.
package enum ProgressBar {
    /// Draws at most `width` - 1 columns, so that the terminal never wraps. What does not fit is left out, the least
    /// important first. Escape sequences are only used with `colours`.
    package static func line(_ progress: DownloadProgress, width: Int, colours: Bool) -> String {
        let room = max(0, width - 1)
        let parts = Parts(progress)
        for layout in Layout.all {
            let texts = layout.parts.map { parts[keyPath: $0] }.filter { !$0.isEmpty }
            let fixed = parts.share.count + texts.reduce(0) { $0 + 2 + $1.count }
            guard let minimum = layout.minimumBar, let size = progress.size else {
                if fixed <= room { return ([parts.share] + texts).joined(separator: "  ") }
                continue
            }
            // Two brackets and a space before.
            let cells = min(room - fixed - 3, 40)
            guard cells >= minimum else { continue }
            let bar = "[" + cellsText(progress, size: size, count: cells, colours: colours) + "]"
            return ([parts.share + " " + bar] + texts).joined(separator: "  ")
        }
        return String(parts.share.prefix(room))
    }

    /// What may stand on the line beside the share that is done, richest first.
    private struct Layout: Sendable {
        var minimumBar: Int?
        var parts: [any KeyPath<Parts, String> & Sendable]

        static let all = [
            Layout(minimumBar: 20, parts: [\.rate, \.timeLeft, \.neighbours, \.originBytes, \.amount]),
            Layout(minimumBar: 20, parts: [\.rate, \.timeLeft, \.neighbours, \.originBytes]),
            Layout(minimumBar: 8, parts: [\.rate, \.timeLeft, \.neighbours, \.originShares]),
            Layout(minimumBar: nil, parts: [\.rate, \.timeLeft, \.neighbours, \.originShares]),
            Layout(minimumBar: nil, parts: [\.rate, \.timeLeft, \.originShares]),
            Layout(minimumBar: nil, parts: [\.rate, \.timeLeft]),
            Layout(minimumBar: nil, parts: [\.rate]),
        ]
    }

    private struct Parts {
        let share: String
        let rate: String
        var timeLeft = ""
        let neighbours: String
        let originBytes: String
        let originShares: String
        var amount = ""

        init(_ progress: DownloadProgress) {
            let done = ByteSize(progress.bytesDone)
            if let size = progress.size {
                let percent = ProgressBar.percent(progress.bytesDone, of: size)
                share = String(repeating: " ", count: 3 - String(percent).count) + "\(percent)%"
                amount = "\(done) of \(ByteSize(size))"
                timeLeft = ProgressBar.clock(left: size - progress.bytesDone, rate: progress.bytesPerSecond) + " left"
            } else {
                share = done.description
            }
            rate = ByteRate(bytesPerSecond: max(0, progress.bytesPerSecond)).description
            neighbours = progress.neighbours == 1 ? "1 neighbour" : "\(progress.neighbours) neighbours"
            originBytes =
                "source \(ByteSize(progress.bytesFromSource)), peers \(ByteSize(progress.bytesFromPeers))"
            let fetched = progress.bytesFromSource + progress.bytesFromPeers
            let fromSource = fetched == 0 ? 0 : ProgressBar.percent(progress.bytesFromSource, of: fetched)
            originShares = "source \(fromSource)%, peers \(fetched == 0 ? 0 : 100 - fromSource)%"
        }
    }

    /// Rounded down, so that 100 means all.
    private static func percent(_ part: Int64, of whole: Int64) -> Int64 {
        whole > 0 ? Int64(Double(max(0, min(part, whole))) / Double(whole) * 100) : 100
    }

    private static func clock(left: Int64, rate: Double) -> String {
        guard left > 0 else { return "0:00" }
        let seconds = Double(left) / rate
        guard rate > 0, seconds < 360_000 else { return "--:--" }
        let whole = Int(seconds.rounded(.up))
        let two = { (n: Int) in n < 10 ? "0\(n)" : "\(n)" }
        return whole < 3600
            ? "\(whole / 60):\(two(whole % 60))" : "\(whole / 3600):\(two(whole / 60 % 60)):\(two(whole % 60))"
    }

    /// The bar tells where the bytes came from: `:` were already here, `-` are from the source, `=` from peers.
    private static func cellsText(_ progress: DownloadProgress, size: Int64, count: Int, colours: Bool) -> String {
        let exact = { (bytes: Int64) in
            size > 0 ? Double(max(0, min(bytes, size))) / Double(size) * Double(count) : Double(count)
        }
        let done = Int(exact(progress.bytesDone))
        let here = min(done, Int(exact(progress.bytesAlreadyHere).rounded()))
        let source = min(done, Int(exact(progress.bytesAlreadyHere + progress.bytesFromSource).rounded())) - here
        let peers = done - here - source
        let run = { (character: Character, count: Int, colour: String) in
            count == 0
                ? ""
                : colours
                    ? "\u{1B}[\(colour)m\(String(repeating: character, count: count))\u{1B}[0m"
                    : String(repeating: character, count: count)
        }
        return run(":", here, "36") + run("-", source, "33") + run("=", peers, "32")
            + String(repeating: " ", count: count - done)
    }
}

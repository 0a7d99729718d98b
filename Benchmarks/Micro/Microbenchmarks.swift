import ArgumentParser

/// `minion-microbenchmarks`: what single parts cost, without sockets and files.
@main
struct Microbenchmarks: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "minion-microbenchmarks",
        abstract: "Measure the picker, piece sets, the tracker, hashing, proofs and messages.",
        discussion: """
            Build it with 'swift build -c release --product minion-microbenchmarks'. Numbers of two runs compare only \
            on the same machine with nothing else to do.

            Example: minion-microbenchmarks --filter picker --json picker.json
            """)

    @Option(help: ArgumentHelp("Measure only what has this text in its name.", valueName: "name"))
    var filter = ""

    @Option(help: ArgumentHelp("Also write the results to this file.", valueName: "file"))
    var json: String?

    @Option(help: ArgumentHelp("How long one round of a measurement takes, at least.", valueName: "seconds"))
    var seconds = 0.3

    @Option(help: "Rounds of a measurement, after one that does not count.")
    var rounds = 5

    func validate() throws {
        guard rounds > 0, rounds <= 1000 else { throw ValidationError("--rounds has to be from 1 to 1000") }
        guard seconds > 0, seconds <= 60 else { throw ValidationError("--seconds has to be above 0 and at most 60") }
    }

    func run() throws {
        let benchmarks = Self.all.filter { filter.isEmpty || $0.name.contains(filter) }
        guard !benchmarks.isEmpty else {
            let names = Self.all.map(\.name).joined(separator: ", ")
            throw ValidationError("nothing has '\(filter)' in its name; there are \(names)")
        }
        let stopwatch = Stopwatch(rounds: rounds, seconds: seconds)
        Table.printHead()
        var results: [Outcome] = []
        for benchmark in benchmarks {
            let result = benchmark.run(stopwatch)
            Table.print(result)
            results.append(result)
        }
        if let json { try Table.write(results, to: json) }
    }

    /// Memory comes first: it is seen as growth, which needs a heap that has not been large before.
    private static var all: [Benchmark] {
        TrackerBenchmarks.memory + TrackerBenchmarks.speed + PickerBenchmarks.all + PieceSetBenchmarks.all
            + CryptoBenchmarks.all + MessageBenchmarks.all
    }
}

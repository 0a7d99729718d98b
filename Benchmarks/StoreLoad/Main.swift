import ArgumentParser
import Logging
import ManagerStore

/// What the manager's store can do on this machine, and what tests do to it from outside.
@main
struct StoreLoad: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "minion-store-load", subcommands: [Fill.self, Measure.self, Append.self, Open.self])
}

struct StoreOptions: ParsableArguments {
    @Option(help: "postgres://… or sqlite:PATH.")
    var database: String

    func open() async throws -> Store {
        let configuration = try StoreConfiguration(database: database, dataFolder: "")
        return try await Store.open(configuration, logger: Logger(label: "store"))
    }
}

/// Opens the store and plants what is missing, as a manager does that starts.
struct Open: AsyncParsableCommand {
    @OptionGroup var options: StoreOptions

    func run() async throws {
        let store = try await options.open()
        let isFirst = try await store.seed(
            Seed(rootPasswordHash: "h", mustChangePassword: false, objects: ["users", "jobs"]))
        print(isFirst ? "seeded" : "opened")
        await store.close()
    }
}

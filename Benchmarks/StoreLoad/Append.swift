import ArgumentParser
import ManagerStore

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Writes until it is killed, and prints a line for each write as soon as it is acknowledged.
struct Append: AsyncParsableCommand {
    @OptionGroup var options: StoreOptions

    @Option(help: "What the names of this run begin with.")
    var mark: String

    @Option(help: "Writers at a time.")
    var writers = 8

    func run() async throws {
        let store = try await options.open()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<writers {
                group.addTask { [mark] in
                    for number in 0... {
                        let path = "/\(mark)/\(writer)/\(number)"
                        try await store.write { transaction in
                            _ = try transaction.audits.insert(
                                Audit(
                                    actorType: .user, actorName: "load", operation: "GET", operatedAt: transaction.now,
                                    state: .success, path: path, statusCode: 200))
                        }
                        acknowledge(path)
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}

/// In one call, so that lines of several threads do not mix.
private func acknowledge(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = bytes.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
}

import Foundation
import Minion

/// Downloads a release together with all other machines that run this, and shows how far it is; or offers one.
///
///     install-release TRACKER get URL FILE
///     install-release TRACKER cat URL
///     install-release TRACKER share FILE NAME
@main
struct InstallRelease {
    static func main() async {
        let arguments = CommandLine.arguments
        guard arguments.count >= 4 else { return end("usage: install-release TRACKER get|cat|share …", code: 2) }
        do {
            try await MinionClient.withClient(ClientConfiguration(trackers: [arguments[1]])) { client in
                switch (arguments[2], arguments.count) {
                case ("get", 5): try await download(arguments[3], to: arguments[4], with: client)
                case ("cat", 4): try await print(arguments[3], with: client)
                case ("share", 5): try await share(arguments[3], as: arguments[4], with: client)
                default: end("usage: install-release TRACKER get URL FILE | cat URL | share FILE NAME", code: 2)
                }
            }
        } catch let error as MinionError {
            end("\(error.code.rawValue): \(error)", code: 1)
        } catch {
            end("\(error)", code: 1)
        }
    }

    static func download(_ url: String, to path: String, with client: MinionClient) async throws {
        let download = client.download(url, to: path)
        var last = -1
        for try await progress in download {
            for warning in progress.warnings { Swift.print("warning: \(warning)") }
            guard let fraction = progress.fraction, Int(fraction * 10) != last else { continue }
            last = Int(fraction * 10)
            Swift.print("\(last * 10) %, \(progress.peers) peers")
        }
        Swift.print("\(path) is complete")
    }

    static func print(_ url: String, with client: MinionClient) async throws {
        for try await chunk in client.bytes(of: url) {
            try FileHandle.standardOutput.write(contentsOf: chunk)
        }
    }

    static func share(_ path: String, as name: String, with client: MinionClient) async throws {
        let share = try await client.share(path, as: name)
        Swift.print("others can get \(share.name)")
        try await share.waitForFailure()
    }

    static func end(_ message: String, code: Int32) {
        FileHandle.standardError.write(Data((message + "\n").utf8))
        exit(code)
    }
}

import Foundation
import Minion
import Testing

@Suite(.timeLimit(.minutes(1)))
struct MinionClientTests {
    @Test func sharedFileIsDownloadedByItsName() async throws {
        try await withTracker { tracker, folder in
            let bytes = content(3_000_000)
            try bytes.write(to: URL(fileURLWithPath: folder + "/made"))
            try await MinionClient.withClient(ownClient(tracker)) { sharer in
                let share = try await sharer.share(folder + "/made", as: "release-7")
                #expect(share.name == "minion:release-7")
                let result = try await MinionClient.withClient(ownClient(tracker)) { client in
                    #expect(!client.usesHostNode)
                    return try await client.download(share.name, to: folder + "/got").result()
                }
                #expect(result.path == folder + "/got")
                #expect(result.size == 3_000_000)
                #expect(result.bytesFromPeers == 3_000_000)
                #expect(result.bytesFromSource == 0)
                #expect(try Data(contentsOf: URL(fileURLWithPath: folder + "/got")) == bytes)
                await share.end()
            }
        }
    }

    @Test func progressEndsWithAllBytes() async throws {
        try await withTracker { tracker, folder in
            try content(12_000_000).write(to: URL(fileURLWithPath: folder + "/made"))
            try await MinionClient.withClient(ownClient(tracker)) { sharer in
                let share = try await sharer.share(folder + "/made")
                #expect(share.name == "minion:made")
                try await MinionClient.withClient(ownClient(tracker)) { client in
                    var options = DownloadOptions()
                    // Slow enough to be seen under way.
                    options.downloadRate = 4_000_000
                    var seen: [Download.Progress] = []
                    for try await progress in client.download(share.name, to: folder + "/got", options: options) {
                        seen.append(progress)
                    }
                    let fractions: [Double] = seen.compactMap(\.fraction)
                    let underWay: [Double] = fractions.filter { (0.01...0.99).contains($0) }
                    #expect(!underWay.isEmpty)
                    #expect(fractions == fractions.sorted())
                    #expect(FileManager.default.fileExists(atPath: folder + "/got"))
                }
                await share.end()
            }
        }
    }

    @Test func bytesComeInOrderAndWhole() async throws {
        try await withTracker { tracker, folder in
            let bytes = content(5_000_000)
            try bytes.write(to: URL(fileURLWithPath: folder + "/made"))
            try await MinionClient.withClient(ownClient(tracker)) { sharer in
                let share = try await sharer.share(folder + "/made")
                try await MinionClient.withClient(ownClient(tracker)) { client in
                    var got = Data()
                    for try await chunk in client.bytes(of: share.name) { got.append(contentsOf: chunk) }
                    #expect(got == bytes)
                }
                await share.end()
            }
        }
    }

    @Test func contentInTheCacheIsNotFetchedAgain() async throws {
        try await withTracker { tracker, folder in
            let bytes = content(1_500_000)
            try bytes.write(to: URL(fileURLWithPath: folder + "/made"))
            try await MinionClient.withClient(ownClient(tracker)) { sharer in
                let share = try await sharer.share(folder + "/made")
                let cached = ownClient(tracker) { $0.cacheFolder = folder + "/cache" }
                try await MinionClient.withClient(cached) { client in
                    let first = try await client.download(share.name, to: folder + "/first").result()
                    #expect(first.bytesFromPeers == 1_500_000)
                    let second = try await client.download(share.name, to: folder + "/second").result()
                    #expect(second.bytesFromPeers == 0)
                    #expect(second.bytesAlreadyHere == 1_500_000)
                    #expect(try Data(contentsOf: URL(fileURLWithPath: folder + "/second")) == bytes)
                }
                await share.end()
            }
        }
    }

    @Test func cancelledTaskEndsItsDownloadAndLeavesNoFile() async throws {
        try await withTracker { tracker, folder in
            try content(4_000_000).write(to: URL(fileURLWithPath: folder + "/made"))
            try await MinionClient.withClient(ownClient(tracker)) { sharer in
                let share = try await sharer.share(folder + "/made")
                try await MinionClient.withClient(ownClient(tracker)) { client in
                    var options = DownloadOptions()
                    options.downloadRate = 500_000
                    let (begun, tell) = AsyncStream.makeStream(of: Void.self)
                    let work = Task { [options] in
                        for try await progress in client.download(share.name, to: folder + "/got", options: options)
                        where progress.bytesDone > 0 { tell.yield() }
                    }
                    var iterator = begun.makeAsyncIterator()
                    await iterator.next()
                    work.cancel()
                    await #expect(throws: CancellationError.self) { try await work.value }
                    #expect(!FileManager.default.fileExists(atPath: folder + "/got"))
                }
                await share.end()
            }
        }
    }

    @Test func changedFileIsNoLongerShared() async throws {
        try await withTracker { tracker, folder in
            let file = URL(fileURLWithPath: folder + "/made")
            try content(600_000).write(to: file)
            try await MinionClient.withClient(ownClient(tracker)) { sharer in
                let share = try await sharer.share(file.path)
                try content(600_000).write(to: file)
                await #expect(throws: MinionError.self) { try await share.waitForFailure() }
                await share.end()
            }
        }
    }

    @Test func failuresHaveTheirCodes() async throws {
        try await withTracker { tracker, folder in
            try await MinionClient.withClient(ownClient(tracker)) { client in
                let destination = folder + "/got"
                await #expect(throws: MinionError.Code.badArguments) {
                    try await code { try await client.download("ftp://host/file", to: destination).result() }
                }
                await #expect(throws: MinionError.Code.badArguments) {
                    try await code { try await client.download("http://127.0.0.1:1/f", to: folder + "/").result() }
                }
                await #expect(throws: MinionError.Code.sourceUnreachable) {
                    try await code { try await client.download("http://127.0.0.1:1/f", to: destination).result() }
                }
                await #expect(throws: MinionError.Code.nameResolution) {
                    try await code { try await client.download("http://host.invalid/f", to: destination).result() }
                }
                await #expect(throws: MinionError.Code.failed) {
                    try await code { try await client.share(folder + "/nothing") }
                }
                #expect(!FileManager.default.fileExists(atPath: destination))
            }
        }
    }

    @Test func withoutTheHostsNodeItIsSaidSo() async throws {
        var configuration = ClientConfiguration(node: .host)
        configuration.socket = "/nowhere/node.sock"
        await #expect(throws: MinionError.Code.noHostNode) {
            try await code { try await MinionClient.open(configuration) }
        }
    }

    @Test func wrongDigestKeepsNothing() async throws {
        try await withTracker { tracker, folder in
            try content(300_000).write(to: URL(fileURLWithPath: folder + "/made"))
            try await MinionClient.withClient(ownClient(tracker)) { sharer in
                let share = try await sharer.share(folder + "/made")
                try await MinionClient.withClient(ownClient(tracker)) { client in
                    var options = DownloadOptions()
                    options.digest = "sha256:" + String(repeating: "0", count: 64)
                    let download = client.download(share.name, to: folder + "/got", options: options)
                    await #expect(throws: MinionError.Code.checksumMismatch) {
                        try await code { try await download.result() }
                    }
                    #expect(!FileManager.default.fileExists(atPath: folder + "/got"))
                }
                await share.end()
            }
        }
    }
}

extension MinionError.Code: Error {}

/// Throws the code of what `body` throws.
private func code<Result>(_ body: () async throws -> Result) async throws {
    do {
        _ = try await body()
    } catch let error as MinionError {
        throw error.code
    }
}

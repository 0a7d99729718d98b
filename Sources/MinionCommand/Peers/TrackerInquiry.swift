import AsyncHTTPClient
import MinionCore
import NIOCore
import NIOHTTP1
import NIOPosix
import Swarm
import Wire

/// What a person asks a tracker.
struct TrackerInquiry: Sendable {
    /// Base URLs; the first that answers is asked.
    let trackers: [String]

    /// How long a tracker may take for one page.
    private static let patience = TimeAmount.seconds(10)

    /// A task with all of its peers. Throws `CommandError`.
    func peers(of task: TaskID) async throws -> PeerPage {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout.connect = .seconds(3)
        configuration.httpVersion = .http1Only
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            let page = try await peers(of: task, client)
            try? await client.shutdown()
            return page
        } catch {
            try? await client.shutdown()
            throw error
        }
    }

    private func peers(of task: TaskID, _ client: HTTPClient) async throws -> PeerPage {
        var failure: CommandError?
        for tracker in trackers {
            do {
                var all = try await page(of: task, after: nil, from: tracker, client)
                while let next = all.next {
                    let more = try await page(of: task, after: next, from: tracker, client)
                    all.peers += more.peers
                    all.next = more.peers.isEmpty ? nil : more.next
                }
                return all
            } catch let error as CommandError where error.exitCode == ExitStatus.trackerUnreachable {
                failure = error
            }
        }
        throw failure ?? CommandError("there is no tracker to ask")
    }

    private func page(
        of task: TaskID, after: PeerID?, from tracker: String, _ client: HTTPClient
    ) async throws -> PeerPage {
        let path = TaskPath.peers(task).text + (after.map { "?after=\($0.hex)" } ?? "")
        let status: HTTPResponseStatus
        let body: ByteBuffer
        do {
            let response = try await client.execute(
                HTTPClientRequest(url: tracker + path), deadline: .now() + Self.patience)
            status = response.status
            body = try await response.body.collect(upTo: WireLimits.peerPageBytes)
        } catch {
            throw CommandError(
                "the tracker \(tracker) does not answer: \(error)", hint: "is 'minion serve' running there?",
                exitCode: ExitStatus.trackerUnreachable)
        }
        if status == .ok, let page = try? WireJSON.peerPage(from: Array(body.readableBytesView)) { return page }
        if status == .notFound {
            // A tracker says what it does not find as JSON; another server says so in its own words.
            guard body.readableBytesView.first == UInt8(ascii: "{") else {
                throw CommandError("\(tracker) is no tracker, or an old one", hint: "is the address right?")
            }
            throw CommandError(
                "the tracker \(tracker) knows nobody who has this or wants it",
                hint: "were --tag, --application and -H the same for the download?")
        }
        throw CommandError("\(tracker) does not answer like a tracker (\(status.code))", hint: "is the address right?")
    }
}

import Fleet
import MinionCore
import NIOPosix
import PieceStore
import Swarm

/// What schedulers may order a node to do.
extension MinionNode {
    /// Does what a scheduler has ordered, and says how it went.
    func carryOut(
        _ order: HostOrder, _ tell: @escaping @Sendable (OrderProgress) -> Void
    ) async -> OrderProgress {
        var result = OrderProgress(id: order.id, state: .succeeded)
        switch order.action {
        case .fetch(let fetch): result = await carryOut(fetch, as: order.id, tell)
        case .delete(let task):
            if let why = await delete(task) { (result.state, result.message) = (.failed, why) }
        }
        result.message = SourceURL.printable(result.message, limit: 1000)
        return result
    }

    private func carryOut(
        _ fetch: FetchOrder, as id: String, _ tell: @escaping @Sendable (OrderProgress) -> Void
    ) async -> OrderProgress {
        var progress = OrderProgress(id: id, state: .failed)
        guard services.cache != nil else {
            progress.message = "this host has no cache"
            return progress
        }
        let isName = TaskIdentity.isName(fetch.url)
        let limit = Duration.inSeconds(fetch.timeoutSeconds)
        do {
            return try await withDeadline(limit) { [self] in
                // Before anybody else hears of it.
                if fetch.mayUseSource, !isName { try await services.sources.check(fetch.url) }
                let download = await begin(DownloadRequest(fetch), isGuarded: true)
                let result = await follow(download, as: id, tell)
                await download.cancel()
                return result
            }
        } catch let error as SourceFailure {
            progress.message = error.message
        } catch {
            progress.message =
                error is DeadlineExceeded ? "it took longer than \(limit.brief)" : "the order was withdrawn"
        }
        return progress
    }

    private func follow(
        _ download: TaskDownload, as id: String, _ tell: (OrderProgress) -> Void
    ) async -> OrderProgress {
        var result = OrderProgress(id: id, state: .failed)
        result.message = "the download was given up"
        for await update in download.updates {
            switch update {
            case .progress(let progress): tell(OrderProgress(id, .running, progress))
            case .finished(let progress): return OrderProgress(id, .succeeded, progress)
            case .failed(let error): result.message = error.message
            case .prefix, .warning: break
            }
        }
        return result
    }

    /// Drops a task's content; why that cannot be, else nil. What is not there is dropped already.
    private func delete(_ hex: String) async -> String? {
        guard let task = TaskID(hex: hex) else { return "\(SourceURL.printable(hex, limit: 80)) is no task's id" }
        guard let cache = services.cache else { return nil }
        services.desk.serving(task)?.forbid("it is removed from the cache")
        // Those who are reading it just now are given a moment.
        for attempt in 1... {
            do {
                _ = try await services.pool.runIfActive { try cache.remove(task) }
                await tidy()
                return nil
            } catch let error as StorageError where error.code == .busy && attempt < Self.removalAttempts {
                try? await Task.sleep(for: .milliseconds(200))
            } catch {
                return "\(error)"
            }
        }
        return nil
    }

    private static let removalAttempts = 10
}

extension OrderProgress {
    fileprivate init(_ id: String, _ state: State, _ progress: DownloadProgress) {
        self.init(id: id, state: state)
        bytes = progress.bytesDone
        size = progress.size
        bytesFromSource = progress.bytesFromSource
    }
}

extension DownloadRequest {
    /// What is to be brought into the cache for others.
    fileprivate init(_ order: FetchOrder) {
        self.init(url: order.url, destination: "")
        headers = order.headers.sorted { $0.key < $1.key }.map { Header(name: $0.key, value: $0.value) }
        tag = order.tag
        application = order.application
        ignoredParameters = order.ignoredParameters
        mayUseSource = order.mayUseSource
        pieceLength = order.pieceLength
        progressSeconds = 0.5
    }
}

import Logging
import MinionCore
import NIOCore
import Node

/// One order of a program, from its line to the end of the connection.
struct HostConversation: Sendable {
    let node: MinionNode
    let cache: CacheDesk
    let voice: HostVoice
    let logger: Logger

    /// Carries out the order; returns when the program hangs up, or the task is cancelled.
    func run(_ inbound: NIOAsyncChannelInboundStream<ByteBuffer>) async {
        await withTaskGroup(of: Void.self) { group in
            var splitter = LineSplitter()
            var hasOrder = false
            do {
                for try await bytes in inbound where !hasOrder {
                    guard let lines = splitter.add(bytes.readableBytesView) else { break }
                    guard let line = lines.first else { continue }
                    hasOrder = true
                    group.addTask { await carryOut(line) }
                }
            } catch {
                logger.debug("a local connection broke", metadata: ["error": "\(error)"])
            }
            // The program is gone, and with it its interest.
            group.cancelAll()
        }
    }

    private func carryOut(_ line: [UInt8]) async {
        guard let order = try? JSONLines.decode(HostOrder.self, from: line), order.version == HostOrder.version else {
            return await voice.say(.refused("it does not understand this order; are both of the same version?"))
        }
        switch order.action {
        case .get(let request): await get(request)
        case .cacheList:
            await voice.say(.cache(cache.report))
            let entries = await cache.entries()
            // A line has a limit; a cache may have any number of entries.
            for start in stride(from: 0, to: entries.count, by: 500) {
                await voice.say(.entries(Array(entries[start..<min(start + 500, entries.count)])))
            }
            await voice.say(.done)
        case .cacheRemove(let tasks):
            for task in tasks { await voice.say(.removed(await cache.remove(task))) }
            await voice.say(.done)
        case .cacheVerify(let tasks):
            for task in tasks where !Task.isCancelled { await voice.say(.verified(await cache.verify(task))) }
            await voice.say(.done)
        }
    }

    /// Downloads into the cache, and keeps the content there until the program has hung up.
    private func get(_ request: DownloadRequest) async {
        var request = request
        // The file is put in place by the program, which has its user's rights; the node writes nowhere but in its cache.
        request.destination = ""
        request.tracePath = nil
        let download = await node.download(request)
        let hasResult = await passOn(download)
        if !hasResult {
            // Not in this task, which may be cancelled: who still listens is told.
            await Task { [voice] in
                await voice.say(.update(.failed(DownloadError(.other, "the node of this host is stopping"))))
            }.value
        }
        while !Task.isCancelled {
            // Until the program hangs up; it puts the file in place meanwhile.
            try? await Task.sleep(for: .seconds(3600))
        }
        await download.cancel()
    }

    /// False if it was interrupted.
    private func passOn(_ download: TaskDownload) async -> Bool {
        for await update in download.updates {
            switch update {
            case .finished, .failed:
                await voice.say(.update(update))
                return true
            case .progress, .prefix, .warning: await voice.offer(.update(update))
            }
        }
        return false
    }
}

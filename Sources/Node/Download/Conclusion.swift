import MinionCore
import PieceStore

/// Gives the complete content of a run to those who waited for it, each what it asked for.
struct Conclusion: Sendable {
    struct Results: Sendable {
        /// What is wrong for each listener; nil: nothing.
        var errors: [(listener: DownloadListener, error: DownloadError?)] = []
        /// Whether the content stays on the disk, to be served.
        var isKept = true
    }

    let deliveries: [Delivery]
    let file: PieceFile
    /// Set if the content is in a cache.
    let pin: ContentPin?

    /// Blocks.
    func carryOut() -> Results {
        if let pin { return conclude(pin) }
        var results = Results()
        // The copies first: it may be that the file itself is not wanted any more.
        for delivery in deliveries where delivery.listener.request.destination != file.destination {
            results.errors.append((delivery.listener, delivery.carryOut { try file.makeReader() }))
        }
        publish(&results)
        return results
    }

    // MARK: In a cache

    private func conclude(_ pin: ContentPin) -> Results {
        var results = Results()
        do {
            try file.seal(sync: false)
            pin.file.touch()
        } catch {
            results.isKept = false
            results.errors = deliveries.map { ($0.listener, DownloadError(.other, "\(error)")) }
            return results
        }
        results.errors = deliveries.map { ($0.listener, $0.carryOut { try file.makeReader() }) }
        if results.errors.contains(where: { $0.error?.kind == .checksumMismatch }) {
            // The next who asks gets it anew. Who has it already reads on.
            pin.file.drop()
            results.isKept = false
        }
        return results
    }

    // MARK: At a destination

    /// Puts the file under its name for those who asked for it there; if nobody does any more, it goes.
    private func publish(_ results: inout Results) {
        let owners = deliveries.filter { $0.listener.request.destination == file.destination }
        var isWanted = file.isPublished
        for owner in owners {
            let error: DownloadError?
            do {
                error = try owner.check { try file.makeReader() }
            } catch {
                results.errors.append((owner.listener, DownloadError(.other, "\(error)")))
                continue
            }
            results.errors.append((owner.listener, error))
            if error == nil { isWanted = true }
        }
        guard !file.isPublished else { return }
        results.isKept = isWanted
        do {
            if isWanted { try file.publish(sync: false) } else { try file.remove() }
        } catch {
            results.isKept = false
            for index in results.errors.indices
            where results.errors[index].listener.request.destination == file.destination {
                results.errors[index].error = results.errors[index].error ?? DownloadError(.other, "\(error)")
            }
        }
    }
}

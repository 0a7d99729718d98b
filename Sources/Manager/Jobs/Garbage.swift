import ManagerStore

/// What is removed when it is old.
package enum Garbage: String, CaseIterable, Sendable {
    case audit
    case job
    /// Those of the fleet that have not been there for a while, here and below.
    case scheduler
    case seedPeer = "seed_peer"
    case peer

    /// Rows of one transaction.
    static let batch = 5000

    /// How long it is kept unless the configuration `gc` says something else.
    private var standardAge: Duration {
        switch self {
        case .audit: .seconds(7 * 86_400)
        case .job: .seconds(6 * 3600)
        case .scheduler, .seedPeer, .peer: .seconds(30 * 60)
        }
    }

    /// How often it is removed.
    var interval: Duration {
        switch self {
        case .audit: .seconds(6 * 3600)
        case .job: .seconds(3 * 3600)
        case .scheduler, .seedPeer, .peer: .seconds(3600)
        }
    }

    /// How long it is kept by the value of the configuration `gc`: `{"audit": {"ttl": 604800000000000}, …}`.
    package func age(in value: String) -> Duration {
        guard self == .audit || self == .job else { return standardAge }
        guard let object = (try? JSONParser.parse(value))?.object, let part = object[rawValue]?.object,
            let nanoseconds = part["ttl"]?.integer, nanoseconds > 0
        else { return standardAge }
        return .nanoseconds(nanoseconds)
    }
}

extension JobService {
    /// Removes what is older than the configuration says, and leaves a job that tells how much.
    ///
    /// - Parameter byHand: somebody asked for it; else it is done because it is time.
    package func collect(
        _ garbage: Garbage, byHand: Bool, bio: String = "", userID: Int64 = 0
    ) async throws -> Shown {
        let age = try await store.read { store in
            // Nothing is removed that nobody could then be told of.
            if userID != 0 { _ = try store.users.find(userID) }
            return garbage.age(in: try store.configs.first(where: [.name: "gc"])?.value ?? "")
        }
        var purged = 0
        while true {
            let count = try await store.write { store in
                let before = store.now.advanced(by: .zero - age)
                return switch garbage {
                case .audit: try store.audits.purge(before: before, limit: Garbage.batch)
                case .job: try store.jobs.purge(before: before, limit: Garbage.batch)
                case .scheduler: try store.schedulers.purgeInactive(before: before, limit: Garbage.batch)
                case .seedPeer: try store.seedPeers.purgeInactive(before: before, limit: Garbage.batch)
                case .peer: try store.peers.purgeInactive(before: before, limit: Garbage.batch)
                }
            }
            purged += count
            if count < Garbage.batch { break }
        }
        let arguments: JSONObject = [
            "type": .string(garbage.rawValue), "ttl": .integer(age.nanoseconds), "batch_size": 5000,
        ]
        let result: JSONObject = ["purged": .integer(Int64(purged))]
        let job = Job(
            taskID: byHand ? Self.uuid() : garbage.rawValue, bio: bio, type: JobType.collectGarbage.rawValue,
            state: .success, args: arguments.text, result: result.text, userID: userID)
        return try await store.write { store in
            try Self.shown(try store.jobs.create(job, schedulerClusters: [], seedPeerClusters: []), store)
        }
    }
}

extension Duration {
    /// Whole nanoseconds; the largest number if there are more.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflows else { return seconds < 0 ? .min : .max }
        let (sum, isTooMuch) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return isTooMuch ? .max : sum
    }
}

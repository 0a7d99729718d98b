import Fleet
import ManagerStore

/// What has come of a job: its parts, as the interface shows them.
enum JobResults {
    /// Writes a job's state and result by what its parts are at. Nothing happens if the job is gone.
    static func refresh(_ id: Int64, _ store: Transaction) throws {
        guard let job = try store.jobs.findIfAny(id) else { return }
        let parts = try store.jobParts.of(job: id)
        let holders = try store.schedulers.find(Set(parts.map(\.holderID)))
        let (state, result) = outcome(of: job, parts, addresses: holders.mapValues(\.ip), at: store.now)
        _ = try store.jobs.update(id, set: [.state: .of(state), .result: .text(result.text)])
    }

    /// Whether a part has failed, by what was told last of it.
    static func isFailure(_ report: JobPartReport, kind: String) -> Bool {
        guard report.state != .failed else { return true }
        guard kind == JobVault.Kind.preheat.rawValue, !report.results.isEmpty else { return false }
        return report.results.allSatisfy { $0.failure != nil }
    }

    /// - Parameter addresses: of schedulers.
    static func outcome(
        of job: Job, _ parts: [StoredPart], addresses: [Int64: String], at now: Timestamp
    ) -> (JobState, JSONObject) {
        let state: JobState =
            parts.contains { $0.state == .failure }
            ? .failure
            : parts.allSatisfy { $0.state == .success } ? .success : .pending
        let arguments = (try? JSONParser.parse(job.args))?.object ?? [:]
        let isSingle = arguments["scope"]?.string == PreheatWork.Scope.singleSeedPeer.rawValue
        let reports = parts.map { JobPartReport(text: $0.report) }
        let states = zip(parts, reports).map { part, report -> JSONValue in
            var error = part.error
            if part.kind == JobVault.Kind.preheat.rawValue, part.state == .failure {
                error = preheatError(part, report, isSingle: isSingle, address: addresses[part.holderID] ?? "")
            }
            return [
                "task_uuid": .string(part.id), "task_name": .string(part.kind), "state": .string(part.state.rawValue),
                "results": results(of: part, report, isSingle: isSingle), "error": .string(error),
                "created_at": .string(part.createdAt.rfc3339), "ttl": 0,
            ]
        }
        var result: JSONObject = [
            "group_uuid": .string(job.taskID), "state": .string(state.rawValue),
            "created_at": .string(job.createdAt.rfc3339), "updated_at": .string(now.rfc3339),
            "job_states": .array(states),
        ]
        if parts.contains(where: { $0.kind == JobVault.Kind.preheat.rawValue }) {
            result["progress"] = .object(progress(reports.compactMap { $0 }))
        }
        return (state, result)
    }

    private static func progress(_ reports: [JobPartReport]) -> JSONObject {
        let sum = { (path: KeyPath<JobPartReport, Int64>) in
            JSONValue.integer(reports.reduce(0) { $0.addingReportingOverflow($1[keyPath: path]).partialValue })
        }
        return [
            "bytes": sum(\.bytes), "bytes_expected": sum(\.bytesExpected),
            "peers": .array(
                reports.flatMap(\.progress).prefix(1000).map { host in
                    [
                        "hostname": .string(host.hostName), "ip": .string(host.address), "bytes": .integer(host.bytes),
                        "size": host.size.map { .integer($0) } ?? .null,
                    ]
                }),
        ]
    }

    // MARK: By type

    private static func preheatError(
        _ part: StoredPart, _ report: JobPartReport?, isSingle: Bool, address: String
    ) -> String {
        var seen: Set<String> = []
        let reasons = (report?.results ?? []).compactMap(\.failure).filter { seen.insert($0).inserted }
        if !reasons.isEmpty {
            let text = reasons.prefix(20).joined(separator: "; ")
            return isSingle ? text : "all peers preheat failed: \(text)"
        }
        guard part.error.hasPrefix("no available seed peer") else { return part.error }
        return "cluster \(part.schedulerClusterID) scheduler \(address) \(part.error)"
    }

    private static func results(of part: StoredPart, _ report: JobPartReport?, isSingle: Bool) -> JSONValue {
        guard part.state.isFinal, let report else { return .null }
        var item: JSONObject = ["scheduler_cluster_id": .integer(part.schedulerClusterID)]
        switch JobVault.Kind(rawValue: part.kind) {
        case .preheat:
            guard part.state == .success || isSingle && !report.results.isEmpty else { return .null }
            let failed = report.results.filter { $0.failure != nil }
            // A host that lacks something is none that has it all.
            let lacking = Set(failed.map { [$0.hostName, $0.address] })
            let succeeded = report.results.filter {
                $0.failure == nil && (isSingle || !lacking.contains([$0.hostName, $0.address]))
            }
            item["success_tasks"] = list(succeeded) {
                ["url": .string($0.url), "hostname": .string($0.hostName), "ip": .string($0.address)]
            }
            item["failure_tasks"] = list(failed) {
                [
                    "url": .string($0.url), "hostname": .string($0.hostName), "ip": .string($0.address),
                    "description": .string($0.failure ?? ""),
                ]
            }
        case .find:
            guard part.state == .success else { return .null }
            item["peers"] = list(report.holders) {
                [
                    "id": .string($0.id), "hostname": .string($0.hostName), "ip": .string($0.address),
                    "host_type": hostType($0.isSeed),
                    "created_at": .string(Timestamp(seconds: $0.since).rfc3339),
                    "updated_at": .string(Timestamp(seconds: $0.updated).rfc3339), "IsFinished": .bool($0.isFinished),
                ]
            }
        case .delete:
            guard part.state == .success else { return .null }
            item["success_tasks"] = list(report.results.filter { $0.failure == nil }) {
                [
                    "hostname": .string($0.hostName), "ip": .string($0.address), "host_type": hostType($0.isSeed),
                ]
            }
            item["failure_tasks"] = list(report.results.filter { $0.failure != nil }) {
                [
                    "hostname": .string($0.hostName), "ip": .string($0.address), "host_type": hostType($0.isSeed),
                    "description": .string($0.failure ?? ""),
                ]
            }
        case nil: return .null
        }
        return [.object(item)]
    }

    private static func list<Element>(_ elements: [Element], _ value: (Element) -> JSONValue) -> JSONValue {
        elements.isEmpty ? .null : .array(elements.map(value))
    }

    private static func hostType(_ isSeed: Bool) -> JSONValue { isSeed ? "super" : "normal" }
}

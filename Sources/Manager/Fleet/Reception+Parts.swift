import Fleet
import ManagerStore

extension Reception {
    /// Stores how far the scheduler is with its parts of jobs, takes back what it gave up, and gives it more.
    mutating func takeParts(_ scheduler: Scheduler) throws {
        let cluster = scheduler.schedulerClusterID
        let unfinished = try store.jobParts.unfinished(inCluster: cluster)
        let told = Dictionary(report.jobs.map { ($0.id, $0) }) { _, last in last }
        var changed: Set<Int64> = []
        var mine: Set<String> = []
        for part in unfinished where part.holderID == scheduler.id && part.state == .started {
            guard let news = told[part.id] else {
                try store.jobParts.release(part.id)
                changed.insert(part.jobID)
                continue
            }
            mine.insert(part.id)
            if try take(news, of: part) { changed.insert(part.jobID) }
        }
        outcome.reply.withdrawn = report.jobs.filter { $0.state == .running && !mine.contains($0.id) }.map(\.id)
        if !report.isLeaving { changed.formUnion(try giveParts(to: scheduler)) }
        for job in changed.sorted() { try JobResults.refresh(job, store) }
    }

    /// Whether there is anything new.
    private func take(_ news: JobPartReport, of part: StoredPart) throws -> Bool {
        guard news.state == .running else {
            let kept = PartReport.final(news)
            let isFailure = JobResults.isFailure(kept, kind: part.kind)
            try store.jobParts.note(
                part.id, isFailure ? .failure : .success, error: ReportCheck.text(news.error, most: 4096),
                report: try kept.text)
            return true
        }
        if part.leaseUntil.map({ now.advanced(by: FleetService.lease * 0.7) >= $0 }) ?? true {
            try store.jobParts.keep(part.id, until: now.advanced(by: FleetService.lease))
        }
        let text = try PartReport.running(news).text
        guard text != part.report else { return false }
        try store.jobParts.note(part.id, .started, report: text)
        return true
    }

    /// The jobs whose parts were given away.
    private mutating func giveParts(to scheduler: Scheduler) throws -> Set<Int64> {
        guard report.wantsJobs > 0 else { return [] }
        var kinds = [JobVault.Kind.find.rawValue, JobVault.Kind.delete.rawValue]
        if scheduler.features.contains("preheat") { kinds.append(JobVault.Kind.preheat.rawValue) }
        let open = try store.jobParts.unfinished(inCluster: scheduler.schedulerClusterID).contains { part in
            kinds.contains(part.kind) && [0, scheduler.id].contains(part.schedulerID) && part.dueAt > now
                && part.attempts < FleetService.attempts && part.leaseUntil.map { $0 <= now } ?? true
        }
        guard open else { return [] }
        let parts = try store.jobParts.claim(
            by: scheduler.id, inCluster: scheduler.schedulerClusterID, kinds: kinds, limit: report.wantsJobs, now: now,
            until: now.advanced(by: FleetService.lease), attempts: FleetService.attempts)
        for part in parts {
            guard let sealed = try store.jobParts.work(of: part.id), let work = vault.open(sealed, part: part.id) else {
                try store.jobParts.note(
                    part.id, .failure, error: "the work cannot be read; was the session key replaced?")
                continue
            }
            outcome.reply.jobs.append(
                JobPart(
                    id: part.id, work: work, attempts: part.attempts - 1,
                    timeoutSeconds: part.dueAt.duration(since: now) / .seconds(1)))
        }
        return Set(parts.map(\.jobID))
    }
}

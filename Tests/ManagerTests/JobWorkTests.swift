import Crypto
import Fleet
import Manager
import ManagerStore
import MinionCore
import Testing

/// Jobs, from the order to the result.
@Suite struct JobWorkTests {
    private let file: JSONObject = ["type": "file", "url": "http://10.9.0.1/file", "timeout": 60_000_000_000]

    private func result(
        _ name: String, url: String = "http://10.9.0.1/file", failure: String? = nil
    ) -> JobPartReport.HostResult {
        JobPartReport.HostResult(url: url, hostName: name, address: "10.1.0.1", isSeed: true, failure: failure)
    }

    @Test func preheatIsDoneOnceByWhoeverTakesIt() async throws {
        try await withManager { manager in
            var one = FakeScheduler(manager)
            var two = FakeScheduler(manager, "s2", address: "10.0.0.2")
            try await one.tell { $0.wantsJobs = 5 }
            try await two.tell { $0.wantsJobs = 5 }
            let job = try await manager.make(.preheat, file)
            #expect(try await manager.result(job).state == .pending)
            let given = try await one.tell().jobs
            let part = try #require(given.first)
            #expect(given.count == 1 && part.attempts == 0 && (50...60).contains(part.timeoutSeconds))
            guard case .preheat(let work) = part.work else {
                Issue.record("no preheat")
                return
            }
            #expect(work.urls == ["http://10.9.0.1/file"] && work.scope == .singleSeedPeer && work.concurrentTasks == 8)
            #expect(work.ignoredParameters.contains("X-Amz-Date"))
            #expect(try await two.tell().jobs.isEmpty)
            var news = JobPartReport(id: part.id, state: .running)
            news.progress = [.init(hostName: "a", address: "10.1.0.1", bytes: 5, size: 10)]
            (news.bytes, news.bytesExpected) = (5, 10)
            let running = try await one.tell { $0.jobs = [news] }
            #expect(running.jobs.isEmpty && running.withdrawn.isEmpty)
            let middle = try await manager.result(job)
            #expect(middle.result["progress"]?.object?["bytes"] == 5 && middle.state == .pending)
            #expect(middle.text.contains(#""peers":[{"hostname":"a","ip":"10.1.0.1","bytes":5,"size":10}]"#))
            #expect(middle.text.contains(#""state":"STARTED","results":null"#))
            news.state = .succeeded
            news.results = [result("a")]
            try await one.tell { $0.jobs = [news] }
            let end = try await manager.result(job)
            #expect(end.state == .success && end.result["state"] == "SUCCESS")
            #expect(end.result["group_uuid"] == .string(job.taskID))
            #expect(
                end.text.contains(
                    #""results":[{"scheduler_cluster_id":1,"success_tasks":[{"url":"http://10.9.0.1/file","#
                        + #""hostname":"a","ip":"10.1.0.1"}],"failure_tasks":null}],"error":"""#))
            #expect(try await one.tell().withdrawn.isEmpty, "what has ended is not withdrawn")
        }
    }

    @Test func partsOfASchedulerThatIsGoneAreGivenToAnother() async throws {
        try await withManager { manager in
            var one = FakeScheduler(manager)
            var two = FakeScheduler(manager, "s2", address: "10.0.0.2")
            try await one.tell { $0.wantsJobs = 1 }
            try await two.tell { $0.wantsJobs = 1 }
            let job = try await manager.make(.preheat, file)
            let part = try #require(try await one.tell().jobs.first)
            #expect(try await two.tell().jobs.isEmpty)
            try await manager.execute("UPDATE job_parts SET lease_until = 0")
            let again = try #require(try await two.tell().jobs.first)
            #expect(again.id == part.id && again.attempts == 1)
            let late = try await one.tell { $0.jobs = [JobPartReport(id: part.id, state: .running)] }
            #expect(late.withdrawn == [part.id], "it is the other's now")
            // Who does not tell of a part any more has given it up.
            #expect(try await two.tell().jobs.map(\.attempts) == [2])
            try await two.tell { $0.isLeaving = true }
            #expect(try await one.tell { $0.jobs = [] }.jobs.map(\.attempts) == [3])
            #expect(try await one.tell().jobs.map(\.attempts) == [4])
            #expect(try await one.tell().jobs.isEmpty, "five times is enough")
            try await manager.fleet.look(atSchedulers: false)
            let end = try await manager.result(job)
            #expect(end.state == .failure && end.text.contains("given up: 5 times"))
        }
    }

    @Test func lateJobsFail() async throws {
        try await withManager { manager in
            var scheduler = FakeScheduler(manager)
            try await scheduler.tell { $0.wantsJobs = 1 }
            let job = try await manager.make(.preheat, file)
            try await manager.execute("UPDATE job_parts SET due_at = created_at")
            #expect(try await scheduler.tell().jobs.isEmpty)
            try await manager.fleet.look(atSchedulers: false)
            let end = try await manager.result(job)
            #expect(end.state == .failure && end.text.contains("not done within the job's timeout"))
        }
    }

    @Test func failuresOfASingleSeedPeerAreFailures() async throws {
        try await withManager { manager in
            var scheduler = FakeScheduler(manager)
            try await scheduler.tell { $0.wantsJobs = 1 }
            let job = try await manager.make(.preheat, file)
            var news = JobPartReport(id: try #require(try await scheduler.tell().jobs.first).id, state: .failed)
            news.results = [result("a", failure: "404 of the source")]
            try await scheduler.tell { $0.jobs = [news] }
            let end = try await manager.result(job)
            #expect(end.state == .failure)
            #expect(end.text.contains(#""error":"404 of the source""#))
            #expect(end.text.contains(#""success_tasks":null,"failure_tasks":[{"url""#))
            #expect(end.text.contains(#""description":"404 of the source""#))
        }
    }

    @Test func clusterWithoutSeedPeersIsNamed() async throws {
        try await withManager { manager in
            var scheduler = FakeScheduler(manager)
            try await scheduler.tell { $0.wantsJobs = 1 }
            let job = try await manager.make(.preheat, file)
            var news = JobPartReport(id: try #require(try await scheduler.tell().jobs.first).id, state: .failed)
            news.error = "no available seed peer"
            try await scheduler.tell { $0.jobs = [news] }
            let text = try await manager.result(job).text
            #expect(text.contains(#""error":"cluster 1 scheduler 10.0.0.1 no available seed peer""#))
        }
    }

    @Test func oneHostThatSucceedsIsEnoughForAll() async throws {
        try await withManager { manager in
            var scheduler = FakeScheduler(manager)
            try await scheduler.tell { $0.wantsJobs = 2 }
            var all = file
            all["scope"] = "all_seed_peers"
            let (first, second) = (try await manager.make(.preheat, all), try await manager.make(.preheat, all))
            let parts = try await scheduler.tell().jobs
            var good = JobPartReport(id: parts[0].id, state: .succeeded)
            good.results = [result("a"), result("b"), result("b", url: "http://10.9.0.1/x", failure: "disk full")]
            var bad = JobPartReport(id: parts[1].id, state: .failed)
            bad.results = [result("a", failure: "x"), result("b", failure: "x"), result("c", failure: "y")]
            try await scheduler.tell { $0.jobs = [good, bad] }
            let success = try await manager.result(first)
            #expect(success.state == .success)
            #expect(
                success.text.contains(
                    #""success_tasks":[{"url":"http://10.9.0.1/file","hostname":"a","ip":"10.1.0.1"}],"failure_tasks":[{"#
                ))
            let failure = try await manager.result(second)
            #expect(failure.state == .failure)
            #expect(failure.text.contains(#""results":null,"error":"all peers preheat failed: x; y""#))
        }
    }

    @Test func jobsNeedSomebody() async throws {
        try await withManager(images: OneImage()) { manager in
            func body(_ type: JobType, _ arguments: JSONObject) async throws -> Refusal.Body? {
                try await refusal { _ = try await manager.jobs.create(.init(type, arguments)) }?.body
            }
            #expect(try await body(.preheat, file) == .message("candidate schedulers not found"))
            #expect(try await body(.getTask, ["task_id": "x"]) == .message("active schedulers not found"))
            #expect(try await body(.deleteTask, ["task_id": "x"]) == .message("active schedulers not found"))
            #expect(try await body(.syncPeers, [:]) == .message("active schedulers not found"))
            let image: JSONObject = ["url": "http://10.9.0.1/v2/a/manifests/b"]
            #expect(
                try await body(.getImageDistribution, image)
                    == .message("find schedulers in clusters failed: active schedulers not found"))
            var weak = FakeScheduler(manager, features: ["schedule"])
            try await weak.tell { $0.wantsJobs = 9 }
            #expect(try await body(.preheat, file) == .message("candidate schedulers not found"))
            #expect(try await manager.make(.getTask, ["task_id": "x"]).state == .pending)
            #expect(try await weak.tell().jobs.map(\.work) == [.findTask(task: "x")])
        }
    }

    @Test func everySchedulerIsAskedWhoHasATask() async throws {
        try await withManager { manager in
            var one = FakeScheduler(manager)
            var two = FakeScheduler(manager, "s2", address: "10.0.0.2")
            try await one.tell { $0.wantsJobs = 5 }
            try await two.tell { $0.wantsJobs = 5 }
            let url = "http://10.9.0.1/file?ns=x&a=b"
            let job = try await manager.make(.getTask, ["url": .string(url), "tag": "t"])
            let identity = TaskIdentity(url: "http://10.9.0.1/file?a=b", tag: "t")
            let task = Hex.text(SHA256.hash(data: identity.canonicalBytes))
            for index in 0..<2 {
                let given = index == 0 ? try await one.tell().jobs : try await two.tell().jobs
                #expect(given.map(\.work) == [.findTask(task: task)])
                var news = JobPartReport(id: given[0].id, state: .succeeded)
                if index == 1 {
                    news.holders = [
                        .init(
                            id: "p", hostName: "h", address: "10.1.0.1", isSeed: false, isFinished: true, since: 0,
                            updated: 1)
                    ]
                }
                if index == 0 {
                    try await one.tell { $0.jobs = [news] }
                } else {
                    try await two.tell { $0.jobs = [news] }
                }
            }
            let end = try await manager.result(job)
            #expect(end.state == .success && end.text.contains(#"{"scheduler_cluster_id":1,"peers":null}"#))
            #expect(
                end.text.contains(
                    #"{"id":"p","hostname":"h","ip":"10.1.0.1","host_type":"normal","created_at":"1970-01-01T00:00:00Z","#
                        + #""updated_at":"1970-01-01T00:00:01Z","IsFinished":true}"#))
            #expect(try await manager.jobs.find(job.id).schedulerClusters?.count == 2)
            // Another scheduler may not answer for one that is gone.
            let second = try await manager.make(.deleteTask, ["content_for_calculating_task_id": "abc"])
            try await two.tell { $0.isLeaving = true }
            let given = try await one.tell { $0.jobs = [] }.jobs
            #expect(given.map(\.work) == [.deleteTask(task: Hex.text(SHA256.hash(data: Array("abc".utf8))))])
            var news = JobPartReport(id: given[0].id, state: .succeeded)
            news.results = [result("h"), result("i", failure: "in use")]
            try await one.tell { $0.jobs = [news] }
            try await manager.execute("UPDATE schedulers SET last_keep_alive_at = 0 WHERE state = 'inactive'")
            try await manager.fleet.look(atSchedulers: false)
            let text = try await manager.result(second).text
            #expect(text.contains(#""success_tasks":[{"hostname":"h","ip":"10.1.0.1","host_type":"super"}]"#))
            #expect(text.contains("the scheduler that was to do it has gone"))
        }
    }

    @Test func cancelledJobsAreTakenBack() async throws {
        try await withManager { manager in
            var scheduler = FakeScheduler(manager)
            try await scheduler.tell { $0.wantsJobs = 5 }
            let (first, second) = (try await manager.make(.preheat, file), try await manager.make(.preheat, file))
            let parts = try await scheduler.tell().jobs
            let cancelled = try await manager.jobs.cancel(first.id, by: "root").job
            #expect(cancelled.state == .failure && cancelled.result.contains(#""error":"cancelled by root""#))
            #expect(try await manager.jobs.cancel(first.id, by: "other").job.result == cancelled.result)
            try await manager.jobs.delete(second.id)
            let running = parts.map { JobPartReport(id: $0.id, state: .running) }
            #expect(try await scheduler.tell { $0.jobs = running }.withdrawn.sorted() == parts.map(\.id).sorted())
            let done = parts.map { JobPartReport(id: $0.id, state: .succeeded) }
            #expect(try await scheduler.tell { $0.jobs = done }.refusal == nil)
            #expect(try await manager.result(first).state == .failure)
        }
    }

    @Test func secretsReachTheSchedulerAndNobodyElse() async throws {
        try await withManager(images: OneImage()) { manager in
            var scheduler = FakeScheduler(manager)
            try await scheduler.tell { $0.wantsJobs = 5 }
            let job = try await manager.make(
                .preheat,
                [
                    "type": "image", "url": "http://10.9.0.1/v2/a/manifests/b", "username": "me", "password": "secret1",
                    "headers": ["X-Token": "secret2", "Accept": "x"],
                ])
            #expect(job.args.contains(#""username":"***","password":"***""#) && job.args.contains(#""X-Token":"***""#))
            #expect(job.args.contains(#""Accept":"x""#) && !job.args.contains("secret"))
            let part = try #require(try await scheduler.tell().jobs.first)
            guard case .preheat(let work) = part.work else {
                Issue.record("no preheat")
                return
            }
            #expect(work.urls == OneImage().parts.urls)
            #expect(
                work.headers == ["X-Token": "secret2", "Accept": "x", "Authorization": "Bearer of the registry"])
            let sealed = try await manager.store.read { try $0.jobParts.work(of: part.id) } ?? []
            let bytes = String(decoding: sealed, as: UTF8.self)
            #expect(!sealed.isEmpty && !bytes.contains("secret2") && !bytes.contains("Bearer"))
            let wrong = try await refusal {
                _ = try await manager.make(
                    .preheat,
                    [
                        "type": "image", "url": "http://10.9.0.1/v2/a/manifests/b", "username": "me",
                        "password": "wrong",
                    ])
            }
            #expect(wrong?.body == .message("failed to authenticate with registry: wrong password"))
            let inURL = try await manager.make(.preheat, ["type": "file", "url": "http://me:secret3@10.9.0.1/x"])
            #expect(inURL.args.contains("http://***@10.9.0.1/x"))
        }
    }

    @Test(arguments: [
        "http://127.0.0.1/x", "http://[::1]/x", "http://169.254.169.254/latest", "https://me:x@127.0.0.1:8443/",
        "ftp://10.0.0.1/x", "file:///etc/passwd", "gopher://x", "/etc/passwd", "http://", "http://x y/",
        "http://[::ffff:127.0.0.1]/", "minion:data",
    ])
    func addressesOfOurOwnAreNotFetched(_ url: String) async throws {
        try await withManager { manager in
            var scheduler = FakeScheduler(manager)
            try await scheduler.tell()
            let refused = try await refusal {
                _ = try await manager.make(.preheat, ["type": "file", "urls": ["http://10.0.0.1/a", .string(url)]])
            }
            #expect(refused?.kind == .invalid, "\(url)")
        }
    }

    @Test func ratesHoldForAllManagersTogether() async throws {
        try await withManager { manager in
            var scheduler = FakeScheduler(manager)
            try await scheduler.tell()
            var change = ClusterChange()
            change.schedulerConfig = ["job_rate_limit": 2]
            _ = try await manager.clusters.update(1, change)
            let other = try await Manager(ManagerConfiguration(), store: manager.store, logger: manager.logger)
            let began = ContinuousClock.now
            var passed = 0
            for number in 0..<8 {
                let one = number % 2 == 0 ? manager : other
                let refused = try await refusal { _ = try await one.make(.preheat, file, clusters: [1]) }
                if refused == nil { passed += 1 } else { #expect(refused?.kind == .tooMany) }
            }
            let seconds = (ContinuousClock.now - began) / .seconds(1)
            #expect(passed >= 2 && Double(passed) <= 3 + 2 * seconds)
            await other.shutDown()
        }
    }

    @Test func syncWaitsForAReportOfEverySchedulerThatIsThere() async throws {
        try await withManager { manager in
            var one = FakeScheduler(manager)
            var two = FakeScheduler(manager, "s2", address: "10.0.0.2")
            try await one.tell()
            try await two.tell()
            async let outcome = manager.jobs.create(.init(.syncPeers, [:]))
            try await Task.sleep(for: .milliseconds(300))
            try await one.tell { $0.hosts = [host("a")] }
            try await two.tell { $0.isLeaving = true }
            guard case .synced = try await outcome else {
                Issue.record("not synced")
                return
            }
            #expect(try await manager.peers.list([:], .all).total == 1)
        }
    }

    @Test func layersOfImagesAreFound() async throws {
        try await withManager(images: OneImage()) { manager in
            var scheduler = FakeScheduler(manager)
            try await scheduler.tell { $0.wantsJobs = 5 }
            async let outcome = manager.jobs.create(
                .init(.getImageDistribution, ["url": "http://10.9.0.1/v2/a/manifests/b", "concurrent_layer_count": 1]))
            var answered = 0
            let deadline = ContinuousClock.now + .seconds(20)
            while answered < 2, ContinuousClock.now < deadline {
                var reports: [JobPartReport] = []
                for part in try await scheduler.tell().jobs {
                    answered += 1
                    var news = JobPartReport(id: part.id, state: .succeeded)
                    let holder = JobPartReport.Holder(
                        id: "p", hostName: "h", address: "10.1.0.1", isSeed: false, isFinished: answered == 1, since: 0,
                        updated: 0)
                    news.holders = [holder]
                    reports.append(news)
                }
                try await scheduler.tell { $0.jobs = reports }
                scheduler.report.jobs = []
                try await Task.sleep(for: .milliseconds(20))
            }
            guard case .distribution(let found) = try await outcome else {
                Issue.record("no distribution")
                return
            }
            #expect(
                found.text
                    == #"{"image":{"layers":[{"url":"http://registry/v2/a/blobs/sha256:1"},"#
                    + #"{"url":"http://registry/v2/a/blobs/sha256:2"}]},"peers":[{"ip":"10.1.0.1","hostname":"h","#
                    + #""cached_layers":[{"url":"http://registry/v2/a/blobs/sha256:1"}],"scheduler_cluster_id":1}]}"#)
            #expect(try await manager.jobs.list([.type: "get_task"], .all).total == 2)
        }
    }

    @Test func oldRowsOfTheFleetAreRemoved() async throws {
        try await withManager { manager in
            var scheduler = FakeScheduler(manager)
            try await scheduler.tell { $0.hosts = [host("a"), host("b", isSeed: true)] }
            for garbage in [Garbage.scheduler, .seedPeer, .peer] {
                #expect(try await manager.jobs.collect(garbage, byHand: false).job.result == #"{"purged":0}"#)
            }
            try await scheduler.tell { $0.isLeaving = true }
            for table in ["schedulers", "seed_peers", "peers"] {
                try await manager.execute(
                    SQL(stringLiteral: "UPDATE \(table) SET updated_at = updated_at - 1801000000"))
            }
            for garbage in [Garbage.scheduler, .seedPeer, .peer] {
                let job = try await manager.jobs.collect(garbage, byHand: false).job
                #expect(job.result == #"{"purged":1}"# && job.taskID == garbage.rawValue && job.type == "gc")
            }
        }
    }
}

import Manager
import Testing

@Suite struct TokenValueTests {
    @Test func valuesHaveAPrefixAndAChecksum() {
        let value = TokenValue.make()
        #expect(value.hasPrefix("mnn_") && value.utf8.count == 40)
        #expect(TokenValue.isWellFormed(value))
        #expect(TokenValue.make() != value)
        for index in value.indices.dropFirst(4) {
            var changed = value
            changed.replaceSubrange(index...index, with: value[index] == "0" ? "1" : "0")
            #expect(!TokenValue.isWellFormed(changed))
        }
    }

    @Test func theChecksumIsThatOfZlib() {
        // zlib's crc32 of thirty zeros is 0x77e5db82.
        #expect(TokenValue.isWellFormed("mnn_" + String(repeating: "0", count: 30) + checksum(0x77e5_db82)))
    }

    private func checksum(_ number: Int) -> String {
        let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
        var rest = number
        var out = ""
        for _ in 0..<6 {
            out = String(alphabet[rest % 62]) + out
            rest /= 62
        }
        return out
    }

    @Test(arguments: ["", "mnn_", "ghp_000000000000000000000000000000000000", "mnn_short"])
    func otherTextIsNoToken(_ text: String) { #expect(!TokenValue.isWellFormed(text)) }
}

@Suite struct SignInGuardTests {
    private func fail(
        _ guesses: inout SignInGuard, _ times: Int, account: String = "a", address: String = "1",
        at now: Duration = .zero
    ) {
        for _ in 0..<times { guesses.failed(account: account, address: address, at: now) }
    }

    /// How long a try would have to wait.
    private func wait(_ guesses: SignInGuard, account: String, address: String, at now: Duration) -> Duration? {
        var guesses = guesses
        return guesses.begin(account: account, address: address, at: now)
    }

    @Test func triesThatAreUnderWayCountAsFailures() {
        var guesses = SignInGuard()
        let answers = (0..<60).map { _ in guesses.begin(account: "a", address: "1", at: .zero) }
        #expect(answers.count { $0 == nil } == 5)
        // Those that were right open the way for more.
        for _ in 0..<5 { guesses.succeeded(account: "a", address: "1", at: .zero) }
        #expect(wait(guesses, account: "a", address: "1", at: .zero) == nil)
    }

    @Test func triesThatComeToNothingAreForgotten() {
        var guesses = SignInGuard()
        for _ in 0..<60 {
            #expect(guesses.begin(account: "a", address: "1", at: .zero) == nil)
            guesses.abandoned(account: "a", address: "1")
        }
    }

    @Test func whoHasSignedInIsNotHeldUpByOthersBehindTheSameAddress() {
        var guesses = SignInGuard()
        #expect(guesses.begin(account: "root", address: "1", at: .zero) == nil)
        guesses.succeeded(account: "root", address: "1", at: .zero)
        for index in 0..<100 { fail(&guesses, 1, account: "\(index)") }
        #expect(wait(guesses, account: "root", address: "1", at: .zero) == nil)
        #expect(wait(guesses, account: "other", address: "1", at: .zero) != nil)
    }

    @Test func whatAnAddressDidFades() {
        var guesses = SignInGuard()
        for index in 0..<200 { fail(&guesses, 1, account: "\(index)") }
        #expect(wait(guesses, account: "x", address: "1", at: .seconds(59)) == .seconds(1))
        #expect(wait(guesses, account: "x", address: "1", at: .seconds(60)) == nil)
        // One typo in ten seconds is what an office makes.
        var office = SignInGuard()
        for index in 0..<1000 {
            let now = Duration.seconds(10 * index)
            #expect(wait(office, account: "\(index)", address: "1", at: now) == nil)
            fail(&office, 1, account: "\(index)", at: now)
        }
    }

    @Test func aNetworkOfIPv6IsOneAddress() {
        var guesses = SignInGuard()
        for index in 0..<30 { fail(&guesses, 1, account: "\(index)", address: "2001:db8::\(index)") }
        #expect(wait(guesses, account: "a", address: "2001:db8::ffff", at: .zero) != nil)
        #expect(wait(guesses, account: "a", address: "2001:db8:0:1::1", at: .zero) == nil)
    }

    @Test func strangersCannotMakeAccountsWithoutEnd() {
        var guesses = SignInGuard()
        let answers = (0..<200).map { _ in guesses.signUp(address: "1", at: .zero) }
        #expect(answers.count { $0 == nil } == 100)
        #expect(guesses.signUp(address: "2", at: .zero) == nil)
        #expect(guesses.signUp(address: "1", at: .seconds(60)) == nil)
    }

    @Test func aFewFailuresCostNothing() {
        var guesses = SignInGuard()
        fail(&guesses, 4)
        #expect(wait(guesses, account: "a", address: "1", at: .zero) == nil)
    }

    @Test func furtherFailuresCostTwiceAsMuchEach() {
        var guesses = SignInGuard()
        fail(&guesses, 5)
        #expect(wait(guesses, account: "a", address: "1", at: .zero) == .seconds(1))
        #expect(wait(guesses, account: "a", address: "1", at: .seconds(1)) == nil)
        fail(&guesses, 1, at: .seconds(1))
        #expect(wait(guesses, account: "a", address: "1", at: .seconds(1)) == .seconds(2))
        fail(&guesses, 1, at: .seconds(3))
        #expect(wait(guesses, account: "a", address: "1", at: .seconds(3)) == .seconds(4))
        fail(&guesses, 40, at: .seconds(7))
        #expect(wait(guesses, account: "a", address: "1", at: .seconds(7)) == .seconds(900))
    }

    @Test func othersAreNotHeldUp() {
        var guesses = SignInGuard()
        fail(&guesses, 20)
        #expect(wait(guesses, account: "a", address: "2", at: .zero) == nil)
        #expect(wait(guesses, account: "b", address: "1", at: .zero) == nil)
    }

    @Test func anAddressCannotTryManyAccounts() {
        var guesses = SignInGuard()
        for index in 0..<30 { fail(&guesses, 1, account: "\(index)") }
        #expect(wait(guesses, account: "new", address: "1", at: .zero) != nil)
        #expect(wait(guesses, account: "new", address: "2", at: .zero) == nil)
    }

    @Test func anAccountCannotBeTriedFromManyAddresses() {
        var guesses = SignInGuard()
        for index in 0..<100 { fail(&guesses, 1, address: "\(index)") }
        #expect(wait(guesses, account: "a", address: "new", at: .zero) != nil)
    }

    @Test func successAndTimeMakeGood() {
        var guesses = SignInGuard()
        fail(&guesses, 6)
        guesses.succeeded(account: "a", address: "1", at: .zero)
        #expect(wait(guesses, account: "a", address: "1", at: .zero) == nil)
        fail(&guesses, 6)
        fail(&guesses, 1, at: .seconds(4000))
        #expect(wait(guesses, account: "a", address: "1", at: .seconds(4000)) == nil)
    }

    @Test func memoryHasALimit() {
        var limits = SignInGuard.Limits()
        limits.entries = 100
        var guesses = SignInGuard(limits: limits)
        for index in 0..<10_000 { fail(&guesses, 1, account: "\(index)", address: "1") }
        #expect(wait(guesses, account: "x", address: "1", at: .zero) != nil, "the address is still known")
    }
}

@Suite struct JobRateTests {
    /// How many of some jobs pass.
    private func passed(_ rates: inout JobRates, _ count: Int, _ clusters: [Int64: Int], at now: Duration = .zero)
        -> Int
    {
        (0..<count).reduce(0) { passed, _ in passed + (rates.take(clusters, at: now) ? 1 : 0) }
    }

    @Test func aSecondsWorthPassesAtOnceAndThenTheRate() {
        var rates = JobRates()
        let first = passed(&rates, 9, [1: 5])
        #expect(first == 5)
        let other = passed(&rates, 9, [2: 3])
        #expect(other == 3, "each cluster has its own")
        let soon = passed(&rates, 9, [1: 5], at: .milliseconds(100))
        #expect(soon == 0)
        let later = passed(&rates, 9, [1: 5], at: .milliseconds(250))
        #expect(later == 1)
        let muchLater = passed(&rates, 9, [1: 5], at: .seconds(100))
        #expect(muchLater == 5)
    }

    @Test func oneFullClusterStopsTheJob() {
        var rates = JobRates()
        let both = passed(&rates, 9, [1: 1, 2: 10])
        #expect(both == 1)
        let second = passed(&rates, 20, [2: 10])
        #expect(second == 9, "refused jobs take nothing")
    }

    @Test func nothingMeansTheStandard() {
        var rates = JobRates()
        let count = passed(&rates, 100, [1: 0])
        #expect(count == JobRates.standard)
    }
}

@Suite struct JobArgumentTests {
    @Test func preheatIsFilledIn() throws {
        let arguments = try JobType.preheat.complete([
            "type": "file", "url": "http://a/b", "unknown": 1, "scope": "strange",
        ])
        #expect(arguments["scope"] == "single_seed_peer")
        #expect(arguments["concurrent_task_count"] == 8 && arguments["concurrent_peer_count"] == 500)
        #expect(arguments["timeout"] == 3_600_000_000_000)
        #expect(arguments["unknown"] == nil)
        let filter = try #require(arguments["filtered_query_params"]?.string).split(separator: "&")
        #expect(filter.count == 32 && filter.first == "X-Amz-Algorithm" && filter.last == "ns")
    }

    @Test func whatIsGivenStays() throws {
        let arguments = try JobType.preheat.complete([
            "type": "image", "url": "http://a/v2/b/manifests/c", "scope": "all_peers", "filteredQueryParams": "a&b",
            "timeout": 5, "ips": ["1.2.3.4"], "headers": ["A": "b"],
        ])
        #expect(arguments["scope"] == "all_peers" && arguments["filtered_query_params"] == "a&b")
        #expect(arguments["timeout"] == 5 && arguments["headers"] == ["A": "b"])
    }

    @Test(
        arguments: [
            (JobType.preheat, ["type": "image"], "invalid params: url is required"),
            (.preheat, ["type": "file"], "invalid params: url or urls is required"),
            (.preheat, ["type": "file", "urls": []], "invalid params: url or urls is required"),
            (.getTask, [:], "invalid params: task_id, content_for_calculating_task_id or url is required"),
            (.deleteTask, ["url": ""], "invalid params: task_id, content_for_calculating_task_id or url is required"),
            (.preheat, [:], "Key: 'PreheatArgs.Type' Error:Field validation for 'Type' failed on the 'required' tag"),
            (
                .preheat, ["type": "file", "url": "u", "piece_length": 4_194_303],
                "Key: 'PreheatArgs.PieceLength' Error:Field validation for 'PieceLength' failed on the 'gte' tag"
            ),
            (
                .preheat, ["type": "file", "url": "u", "percentage": 101],
                "Key: 'PreheatArgs.Percentage' Error:Field validation for 'Percentage' failed on the 'lte' tag"
            ),
            (
                .preheat, ["type": "file", "url": "u", "ips": []],
                "Key: 'PreheatArgs.IPs' Error:Field validation for 'IPs' failed on the 'min' tag"
            ),
            (.collectGarbage, [:], "Key: 'GCArgs.Type' Error:Field validation for 'Type' failed on the 'required' tag"),
        ] as [(JobType, JSONObject, String)])
    func wrongArgumentsAreTold(_ type: JobType, _ arguments: JSONObject, _ line: String) {
        #expect(throws: BrokenRules(line)) { try type.complete(arguments) }
    }

    @Test func garbageIsKeptAsConfigured() {
        let value = #"{"audit":{"ttl":3600000000000},"job":{"ttl":1000000000}}"#
        #expect(Garbage.audit.age(in: value) == .seconds(3600) && Garbage.job.age(in: value) == .seconds(1))
        for other in ["", "nonsense", "{}", #"{"audit":{"ttl":-1}}"#, #"{"audit":5}"#] {
            #expect(Garbage.audit.age(in: other) == .seconds(7 * 86_400))
            #expect(Garbage.job.age(in: other) == .seconds(6 * 3600))
        }
    }
}

@Suite struct ForeignIdentityTests {
    @Test func profilesOfBothKindsAreRead() throws {
        let github = try #require(
            ForeignIdentity(
                provider: "github",
                profile: ["id": 42, "login": "octocat", "email": "o@cat.example", "avatar_url": "http://a/b"]))
        #expect(github.subject == "42" && github.name == "octocat" && github.email == "o@cat.example")
        #expect(github.avatar == "http://a/b")
        let google = try #require(
            ForeignIdentity(
                provider: "google",
                profile: ["sub": "117", "name": "Some Body", "email": "some.body@g.example", "email_verified": true]))
        #expect(google.subject == "117" && google.name == "some.body" && google.email == "some.body@g.example")
    }

    @Test func onlyEmailsThatAreVouchedForCount() {
        for verified: JSONValue in [false, "false"] {
            let identity = ForeignIdentity(
                provider: "google", profile: ["sub": "1", "email": "a@b.example", "email_verified": verified])
            #expect(identity?.email == "")
        }
    }

    @Test func strangeProfilesDoNoHarm() {
        #expect(ForeignIdentity(provider: "github", profile: [:]) == nil)
        #expect(ForeignIdentity(provider: "github", profile: ["login": "root"]) == nil)
        let strange = ForeignIdentity(
            provider: "github", profile: ["id": 1, "login": "<script>\u{0}\n", "email": 7, "avatar_url": []])
        #expect(strange?.name == "script" && strange?.email == "" && strange?.avatar == "")
        #expect(ForeignIdentity(provider: "github", profile: ["id": 1, "login": "<>"])?.name == "github-user")
    }
}

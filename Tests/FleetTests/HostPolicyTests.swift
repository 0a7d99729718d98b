import Fleet
import Testing

@Suite struct HostPolicyTests {
    private func policy(
        applications: [ApplicationRule] = [], _ change: (inout BlockList) -> Void = { _ in }
    ) -> HostPolicy {
        var rules = HostRules(loadLimit: 10)
        change(&rules.blockList)
        return HostPolicy(
            HostNews(tag: "1", clusterName: "east", rules: rules, applications: applications, schedulers: []))
    }

    private func entries(_ change: (inout BlockList.Entries) -> Void) -> BlockList.Entries {
        var entries = BlockList.Entries()
        change(&entries)
        return entries
    }

    private func subject(
        _ url: String = "https://host/file", tag: String = "", application: String = "",
        kind: BlockList.Kind = .task
    ) -> HostPolicy.Subject {
        HostPolicy.Subject(kind: kind, url: url, tag: tag, application: application)
    }

    @Test func emptyListsRefuseNothing() {
        for policy in [HostPolicy.free, policy(), policy { $0.downloads[.task] = BlockList.Entries() }] {
            #expect(policy.refusal(of: subject(tag: "t", application: "a"), .download) == nil)
            #expect(policy.priority(of: "a", url: "u") == 0)
        }
    }

    @Test func oneEntryThatMatchesIsEnoughAndIsNamed() {
        let policy = policy {
            $0.downloads[.task] = entries {
                $0.applications = ["games"]
                $0.urls = ["(", "\\.iso$"]
                $0.tags = ["beta"]
                $0.priorities = [7]
            }
        }
        #expect(policy.refusal(of: subject(application: "games"), .download)?.contains("\"games\"") == true)
        #expect(policy.refusal(of: subject("https://host/x.iso"), .download)?.contains("\\.iso$") == true)
        #expect(policy.refusal(of: subject("https://host/x.iso?a"), .download) == nil)
        #expect(policy.refusal(of: subject(tag: "beta"), .download)?.contains("east") == true)
        #expect(policy.refusal(of: subject(), .download) == nil)
    }

    @Test func kindsAndDirectionsAreApart() {
        let policy = policy {
            $0.downloads[.persistentTask] = entries { $0.tags = ["t"] }
            $0.uploads[.task] = entries { $0.tags = ["u"] }
        }
        #expect(policy.refusal(of: subject(tag: "t"), .download) == nil)
        #expect(policy.refusal(of: subject(tag: "t", kind: .persistentTask), .download) != nil)
        #expect(policy.refusal(of: subject(tag: "u"), .download) == nil)
        #expect(policy.refusal(of: subject(tag: "u"), .upload) != nil)
    }

    @Test func priorityIsThatOfTheFirstRuleThatMatches() {
        let rule = ApplicationRule(
            name: "app", priority: 3,
            urls: [
                .init(pattern: "[", priority: 20), .init(pattern: "fast", priority: 9),
                .init(pattern: "fas", priority: 1),
            ])
        let policy = policy(applications: [rule, ApplicationRule(name: "wild", priority: 99)]) {
            $0.downloads[.task] = entries { $0.priorities = [9, 0] }
        }
        #expect(policy.priority(of: "app", url: "http://h/fast") == 9)
        #expect(policy.priority(of: "app", url: "http://h/slow") == 3)
        #expect(policy.priority(of: "other", url: "http://h/fast") == 0)
        #expect(policy.priority(of: "wild", url: "http://h") == 20)
        #expect(policy.refusal(of: subject("http://h/fast", application: "app"), .download)?.contains("9") == true)
        #expect(policy.refusal(of: subject("http://h/slow", application: "app"), .download) == nil)
        // What no application names has priority 0.
        #expect(policy.refusal(of: subject("http://h/slow"), .download) != nil)
    }
}

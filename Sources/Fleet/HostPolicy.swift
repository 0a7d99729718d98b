import MinionCore

/// What a cluster asks of a host, ready to be asked about single downloads: its patterns are read once.
package struct HostPolicy: Sendable {
    /// A download, or something that others get from this host.
    package struct Subject: Hashable, Sendable {
        package var kind: BlockList.Kind
        package var url: String
        package var tag: String
        package var application: String

        package init(kind: BlockList.Kind, url: String, tag: String = "", application: String = "") {
            self.kind = kind
            self.url = url
            self.tag = tag
            self.application = application
        }
    }

    package enum Direction: Hashable, Sendable { case download, upload }

    /// What a host of no cluster keeps to: nothing.
    package static let free = HostPolicy()

    /// The most urgent priority that there is.
    package static let highestPriority = 20

    private struct Application: Sendable {
        var priority: Int
        var urls: [(pattern: Pattern, priority: Int)]
    }

    private struct Blocked: Sendable {
        var entries: BlockList.Entries
        var urls: [(text: String, pattern: Pattern)]
    }

    /// Nil: a host of no cluster.
    package let rules: HostRules?
    private let clusterName: String
    private let applications: [String: Application]
    private let downloads: [BlockList.Kind: Blocked]
    private let uploads: [BlockList.Kind: Blocked]

    private init() {
        rules = nil
        clusterName = ""
        applications = [:]
        downloads = [:]
        uploads = [:]
    }

    /// Patterns that are none match nothing; of applications with the same name the first counts.
    package init(_ news: HostNews) {
        rules = news.rules
        clusterName = news.clusterName
        applications = Dictionary(
            news.applications.map { rule in
                let urls = rule.urls.compactMap { url in
                    Pattern(url.pattern).map { (pattern: $0, priority: Self.clamped(url.priority)) }
                }
                return (rule.name, Application(priority: Self.clamped(rule.priority), urls: urls))
            }, uniquingKeysWith: { first, _ in first })
        downloads = Self.blocked(news.rules.blockList.downloads)
        uploads = Self.blocked(news.rules.blockList.uploads)
    }

    private static func blocked(_ list: [BlockList.Kind: BlockList.Entries]) -> [BlockList.Kind: Blocked] {
        list.filter { !$0.value.isEmpty }.mapValues { entries in
            Blocked(
                entries: entries,
                urls: entries.urls.compactMap { text in Pattern(text).map { (text: text, pattern: $0) } })
        }
    }

    private static func clamped(_ priority: Int) -> Int { max(0, min(priority, highestPriority)) }

    /// How urgent a download for an application is, 0…20: what the first rule says that its URL matches, else what the
    /// application has, else 0.
    package func priority(of application: String, url: String) -> Int {
        guard !applications.isEmpty, let rule = applications[application] else { return 0 }
        return rule.urls.first { $0.pattern.isFound(in: url) }?.priority ?? rule.priority
    }

    /// Why something is not to be; nil if it may. One line that names the entry of the list.
    package func refusal(of subject: Subject, _ direction: Direction) -> String? {
        guard let blocked = (direction == .download ? downloads : uploads)[subject.kind],
            let entry = entry(for: subject, in: blocked)
        else { return nil }
        let what = direction == .download ? "this download" : "this to be given to others"
        return "the cluster \(clusterName) does not allow \(what): its block list has \(entry)"
    }

    private func entry(for subject: Subject, in blocked: Blocked) -> String? {
        let entries = blocked.entries
        if !subject.application.isEmpty, entries.applications.contains(subject.application) {
            return "the application \"\(subject.application)\""
        }
        if let url = blocked.urls.first(where: { $0.pattern.isFound(in: subject.url) }) {
            return "the URL \"\(url.text)\""
        }
        if !subject.tag.isEmpty, entries.tags.contains(subject.tag) { return "the tag \"\(subject.tag)\"" }
        guard !entries.priorities.isEmpty else { return nil }
        let priority = priority(of: subject.application, url: subject.url)
        return entries.priorities.contains(priority) ? "the priority \(priority)" : nil
    }
}

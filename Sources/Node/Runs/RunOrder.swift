import Fleet
import MinionCore
import PieceStore

/// What a run is begun for.
struct RunOrder: Sendable {
    let task: TaskID
    /// What the first listener asked for.
    let request: DownloadRequest
    /// The task's name as strangers may know it; see `TaskIdentity.publicResource`.
    let resource: String
    /// Its name for those who asked for it.
    let title: String
    /// Base URLs; empty: none.
    var trackers: [String] { request.trackers }
    /// Whether these are the node's, and change with them.
    let followsNode: Bool
    /// Whether it is for others than this host's users.
    let isGuarded: Bool
    let content: RunContent

    /// A download for a listener.
    init(_ listener: DownloadListener, content: RunContent) {
        task = listener.task
        request = listener.request
        resource = listener.identity.publicResource
        title = listener.identity.resource
        followsNode = listener.followsNode
        isGuarded = listener.isGuarded
        self.content = content
    }

    /// Content of the cache that is to be served.
    init(_ content: CachedContent, of task: TaskID, label: CacheLabel, trackers: [String]) {
        self.task = task
        var request = DownloadRequest(url: label.resource, destination: "")
        request.trackers = trackers
        request.mayUseSource = false
        self.request = request
        resource = label.resource
        title = label.resource.isEmpty ? label.name : label.resource
        followsNode = true
        isGuarded = true
        self.content = .kept(content, isShare: false)
    }

    /// Its part of the host's budget for downloads: the more urgent, the more.
    func weight(_ policy: HostPolicy) -> Int {
        1 + policy.priority(of: request.application, url: request.url)
    }
}

/// Where a run has its content, or is to put it.
enum RunContent: Sendable {
    /// It is made at the destination of the request.
    case path
    case cache(ContentCache, CacheLabel)
    /// It is complete and is only served. A share ends with its listener; anything else is served for the swarm's sake.
    case kept(any KeptContent, isShare: Bool)
}

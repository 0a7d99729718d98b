import MinionCore

/// An order to a node to offer a file of the user's own, under a name by which others can get it without a source. Crosses
/// a process boundary as JSON.
package struct ShareRequest: Codable, Sendable {
    /// Absolute path of the file.
    package var path: String
    /// What others ask for: a URL, or `minion:NAME`.
    package var name: String
    package var tag = ""
    package var application = ""
    /// Query parameters that do not belong to the task's identity.
    package var ignoredParameters: [String] = []
    /// Base URLs of trackers; empty: the node's.
    package var trackers: [String] = []
    /// Base URLs of managers that are asked for trackers if none are named, and the join token that they are shown.
    package var managers: [String] = []
    package var joinToken = ""
    /// Bytes per second to others; nil: as much as the node lets it have.
    package var uploadRate: Double?
    /// Seconds between two tellings of how far it is.
    package var progressSeconds = 0.2

    package init(path: String, name: String) {
        self.path = path
        self.name = name
    }

    /// The same as a request for what is shared, which nobody gets from a source.
    var download: DownloadRequest {
        var request = DownloadRequest(url: name, destination: "")
        request.tag = tag
        request.application = application
        request.ignoredParameters = ignoredParameters
        request.trackers = trackers
        request.managers = managers
        request.joinToken = joinToken
        request.uploadRate = uploadRate
        request.mayUseSource = false
        request.progressSeconds = progressSeconds
        return request
    }
}

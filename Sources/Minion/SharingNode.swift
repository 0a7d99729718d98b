import Logging

/// The node that offers files of this process: the client's own, or one that is started with the first share. The host's
/// node does not do it, since it may not read what its callers may.
actor SharingNode {
    private var started: Task<OwnNode, any Error>?

    func node(_ own: OwnNode?, _ configuration: ClientConfiguration, _ logger: Logger) async throws -> OwnNode {
        if let own { return own }
        if let started { return try await started.value }
        var configuration = configuration
        configuration.cacheFolder = nil
        // Ended by `close`; shares that come meanwhile wait for the same.
        let starting = Task { [configuration] in try await OwnNode.start(configuration, logger: logger) }
        started = starting
        do {
            return try await starting.value
        } catch {
            started = nil
            throw error
        }
    }

    func close() async {
        if let node = try? await started?.value { await node.close() }
        started = nil
    }
}

import MinionCore

/// Bounds of what a host may say.
extension HostReport {
    /// Its body, in bytes.
    package static let maximumBytes = 1 << 20
    /// Orders of which it tells, at most.
    private static let maximumProgress = 4096

    /// What is wrong with it, one line that names the field; nil if nothing is.
    package var problem: String? {
        if secret.isEmpty || secret.utf8.count > 128 { return "secret must have 1 to 128 bytes" }
        if known.utf8.count > 256 { return "known is longer than 256 bytes" }
        if !waitSeconds.isFinite || waitSeconds < 0 { return "waitSeconds is no time" }
        if progress.count > Self.maximumProgress { return "progress has more than \(Self.maximumProgress) entries" }
        for (index, order) in progress.enumerated() {
            if order.id.isEmpty || order.id.utf8.count > 256 { return "progress[\(index)].id must have 1 to 256 bytes" }
            if order.message.utf8.count > 4096 { return "progress[\(index)].message is longer than 4096 bytes" }
            let numbers = [order.bytes, order.size ?? 0, order.bytesFromSource]
            if !numbers.allSatisfy(Self.isAmount) { return "progress[\(index)] has a number that cannot be" }
        }
        let amounts = [counters.bytesFromSource, counters.bytesFromPeers, counters.bytesSent]
        let counts = [counters.downloads, counters.uploads, counters.uploadsRefused].map { Int64($0) }
        if !(amounts + counts).allSatisfy(Self.isAmount) { return "counters has a number that cannot be" }
        return facts?.problem
    }

    /// Up to an exabyte, so that sums of them stay numbers.
    private static func isAmount(_ value: Int64) -> Bool { (0...1 << 60).contains(value) }
}

extension HostFacts {
    /// What is wrong with them; nil if nothing is.
    package var problem: String? {
        if hostName.isEmpty || hostName.utf8.count > 255 || hostName.utf8.contains(where: { $0 <= 32 }) {
            return "facts.hostName must have 1 to 255 characters, without spaces"
        }
        if !(1...65535).contains(endpoint.port) { return "facts.endpoint has no port" }
        if site.utf8.count > 1024 { return "facts.site is longer than 1024 bytes" }
        if location.utf8.count > 1024 { return "facts.location is longer than 1024 bytes" }
        let texts = [
            version, commit, system, platform, platformFamily, platformVersion, kernelVersion, buildPlatform,
        ]
        if texts.contains(where: { $0.utf8.count > 256 }) { return "facts has a text that is longer than 256 bytes" }
        return nil
    }
}

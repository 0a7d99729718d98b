/// Which scheduler of several has a task: each task has its own order of them, and of many tasks each scheduler is the
/// first for an equal part. When one goes, only its tasks move, each to the next in its order; when it comes back, they
/// come back. (Thaler and Ravishankar, *Using name-based mappings to increase hit rates*, 1998: the highest random weight.)
package enum SchedulerRing {
    /// The schedulers in the order in which they are to be asked for `key`, which is a task's id.
    package static func order(of schedulers: [String], for key: String) -> [String] {
        schedulers.map { (name: $0, weight: weight($0, key)) }
            .sorted { a, b in a.weight != b.weight ? a.weight > b.weight : a.name < b.name }
            .map(\.name)
    }

    /// FNV-1a over both texts, mixed by the finalizer of SplitMix64: the plain sum is too regular for names that differ in
    /// their last digits.
    private static func weight(_ scheduler: String, _ key: String) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in scheduler.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        hash = (hash ^ 0xff) &* 0x100_0000_01b3
        for byte in key.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        hash = (hash ^ hash >> 30) &* 0xbf58_476d_1ce4_e5b9
        hash = (hash ^ hash >> 27) &* 0x94d0_49bb_1331_11eb
        return hash ^ hash >> 31
    }
}

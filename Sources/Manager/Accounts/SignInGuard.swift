import Synchronization

/// Slows down who guesses passwords: after some failures, each further one doubles the time to wait.
///
/// Failures are counted for an account as tried from one address, for that address whatever the account, and for the
/// account whatever the address; the last with much more patience, so that strangers cannot lock a user out for long.
package struct SignInGuard: Sendable {
    package struct Limits: Hashable, Sendable {
        /// Failures without a wait: of one account from one address, of an address, of an account.
        package var pair = 5
        package var address = 30
        package var account = 100
        /// The first wait; the next ones double, up to the longest.
        package var firstWait = Duration.seconds(1)
        package var longestWait = Duration.seconds(900)
        /// Failures are forgotten after so long without another.
        package var memory = Duration.seconds(3600)
        /// Accounts and addresses remembered at most.
        package var entries = 100_000

        package init() {}
    }

    private enum Key: Hashable {
        case pair(account: String, address: String)
        case address(String)
        case account(String)
    }

    private struct Entry {
        var failures = 0
        var last: Duration
        var blockedUntil: Duration
    }

    private let limits: Limits
    private var entries: [Key: Entry] = [:]

    package init(limits: Limits = Limits()) { self.limits = limits }

    /// How long a try has to wait; nil if it may be made now. Times are of any clock, always the same.
    package func wait(account: String, address: String, at now: Duration) -> Duration? {
        let until = Self.keys(account, address).compactMap { entries[$0]?.blockedUntil }.max() ?? .zero
        return until > now ? until - now : nil
    }

    package mutating func failed(account: String, address: String, at now: Duration) {
        if entries.count >= limits.entries { forget(at: now) }
        for (key, patience) in zip(Self.keys(account, address), [limits.pair, limits.address, limits.account]) {
            var entry = entries[key] ?? Entry(last: now, blockedUntil: .zero)
            if now - entry.last > limits.memory { entry.failures = 0 }
            entry.failures += 1
            entry.last = now
            let excess = entry.failures - patience
            if excess >= 0 {
                entry.blockedUntil = now + min(limits.firstWait * (1 << min(excess, 20)), limits.longestWait)
            }
            entries[key] = entry
        }
    }

    package mutating func succeeded(account: String, address: String) {
        entries[.pair(account: account, address: address)] = nil
        entries[.account(account)] = nil
    }

    private mutating func forget(at now: Duration) {
        entries = entries.filter { now - $0.value.last <= limits.memory }
        // Who fills the memory with names gets the whole of it forgotten, but for addresses: they are what is scarce.
        if entries.count >= limits.entries {
            entries = entries.filter { if case .address = $0.key { true } else { false } }
            if entries.count >= limits.entries { entries.removeAll() }
        }
    }

    private static func keys(_ account: String, _ address: String) -> [Key] {
        [.pair(account: account, address: address), .address(address), .account(account)]
    }
}

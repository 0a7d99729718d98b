import MinionCore

/// Slows down who guesses passwords: after some failures, each further one doubles the time to wait.
///
/// Failures are counted for an account as tried from one address, for that address whatever the account, and for the
/// account whatever the address; the last with much more patience, so that strangers cannot lock a user out for long.
/// A try counts as a failure until it is found to be right, so that many at once are no way around. What is counted for
/// an address fades, and does not concern accounts that have signed in from there: behind one address may be a whole
/// office.
package struct SignInGuard: Sendable {
    package struct Limits: Hashable, Sendable {
        /// Failures without a wait: of one account from one address, of an address, of an account.
        package var pair = 5
        package var address = 30
        package var account = 100
        /// Accounts that strangers may make from one address without a wait.
        package var signUps = 100
        /// Tries that may be under way of an account that has signed in from that address.
        package var trusted = 20
        /// The first wait; the next ones double, up to the longest.
        package var firstWait = Duration.seconds(1)
        package var longestWait = Duration.seconds(900)
        /// The longest wait of an address for what it did to several accounts.
        package var longestAddressWait = Duration.seconds(60)
        /// One failure of an address is forgotten in each such time.
        package var fading = Duration.seconds(10)
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
        case signUps(String)

        var fades: Bool {
            switch self {
            case .address, .signUps: true
            case .pair, .account: false
            }
        }
    }

    private struct Entry {
        var failures = 0.0
        var underWay = 0
        /// It has been right before.
        var isTrusted = false
        var last: Duration
        var blockedUntil = Duration.zero
    }

    private let limits: Limits
    private var entries: [Key: Entry] = [:]

    package init(limits: Limits = Limits()) { self.limits = limits }

    // MARK: Passwords

    /// How long a try has to wait; nil if it is made now, and `failed` or `succeeded` follows. Times are of any clock,
    /// always the same.
    package mutating func begin(account: String, address: String, at now: Duration) -> Duration? {
        let address = Self.network(of: address)
        let pair = Key.pair(account: account, address: address)
        let isTrusted = entries[pair]?.isTrusted ?? false
        if let wait = wait(pair, isTrusted ? limits.trusted : limits.pair, at: now) { return wait }
        if !isTrusted {
            if let wait = wait(.address(address), limits.address, at: now) { return wait }
            if let wait = wait(.account(account), limits.account, at: now) { return wait }
        }
        for key in [pair, .address(address), .account(account)] {
            entries[key, default: Entry(last: now)].underWay += 1
        }
        return nil
    }

    /// The try that `begin` let through was wrong.
    package mutating func failed(account: String, address: String, at now: Duration) {
        let address = Self.network(of: address)
        if entries.count >= limits.entries { forget(at: now) }
        count(.pair(account: account, address: address), limits.pair, longest: limits.longestWait, at: now)
        count(.address(address), limits.address, longest: limits.longestAddressWait, at: now)
        count(.account(account), limits.account, longest: limits.longestWait, at: now)
    }

    /// The try that `begin` let through was right.
    package mutating func succeeded(account: String, address: String, at now: Duration) {
        let address = Self.network(of: address)
        let pair = Key.pair(account: account, address: address)
        end(.address(address))
        end(pair)
        var entry = entries[pair] ?? Entry(last: now)
        (entry.failures, entry.blockedUntil) = (0, .zero)
        (entry.isTrusted, entry.last) = (true, now)
        entries[pair] = entry
        entries[.account(account)] = nil
    }

    /// The try that `begin` let through has come to nothing, right or wrong.
    package mutating func abandoned(account: String, address: String) {
        let address = Self.network(of: address)
        for key in [Key.pair(account: account, address: address), .address(address), .account(account)] { end(key) }
    }

    // MARK: New accounts

    /// How long a stranger has to wait who wants an account; nil if it may be made now.
    package mutating func signUp(address: String, at now: Duration) -> Duration? {
        let key = Key.signUps(Self.network(of: address))
        if let wait = wait(key, limits.signUps, at: now) { return wait }
        if entries.count >= limits.entries { forget(at: now) }
        entries[key, default: Entry(last: now)].underWay += 1
        count(key, limits.signUps, longest: limits.longestAddressWait, at: now)
        return nil
    }

    // MARK: Counting

    private func wait(_ key: Key, _ patience: Int, at now: Duration) -> Duration? {
        guard let entry = entries[key] else { return nil }
        if entry.blockedUntil > now { return entry.blockedUntil - now }
        let failures = now - entry.last > limits.memory ? 0 : entry.failures
        return entry.underWay > 0 && Int(failures) + entry.underWay >= patience ? limits.firstWait : nil
    }

    private mutating func count(_ key: Key, _ patience: Int, longest: Duration, at now: Duration) {
        var entry = entries[key] ?? Entry(last: now)
        entry.underWay = max(0, entry.underWay - 1)
        if now - entry.last > limits.memory { entry.failures = 0 }
        if key.fades { entry.failures = max(0, entry.failures - (now - entry.last) / limits.fading) }
        entry.failures += 1
        entry.last = now
        let excess = Int(entry.failures) - patience
        if excess >= 0 { entry.blockedUntil = now + min(limits.firstWait * (1 << min(excess, 20)), longest) }
        entries[key] = entry
    }

    private mutating func end(_ key: Key) {
        guard let entry = entries[key] else { return }
        entries[key]?.underWay = max(0, entry.underWay - 1)
    }

    private mutating func forget(at now: Duration) {
        entries = entries.filter { now - $0.value.last <= limits.memory }
        // Who fills the memory with names gets the whole of it forgotten, but for addresses: they are what is scarce.
        if entries.count >= limits.entries {
            entries = entries.filter { if case .address = $0.key { true } else { false } }
            if entries.count >= limits.entries { entries.removeAll() }
        }
    }

    /// What one party has of addresses: of IPv6 a network of 64 bits.
    private static func network(of address: String) -> String {
        guard let bytes = IPAddress(address)?.bytes, bytes.count == 16 else { return address }
        return Hex.text(bytes[..<8])
    }
}

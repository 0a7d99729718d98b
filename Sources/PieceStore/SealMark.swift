import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// What a file looked like when all of its bytes were known to be right. As long as it looks the same, it need not be
/// hashed again.
struct SealMark: Hashable, Sendable {
    private let size: Int64
    private let modified: FileStatus.Time
    private let changed: FileStatus.Time
    private let inode: UInt64
    /// Nil if the bytes had reached the disk. Else the system's run within which they can be relied on: after a loss of
    /// power, the journal may speak of bytes that were never written.
    private let boot: String?

    init(_ status: FileStatus, isDurable: Bool) {
        size = status.size
        modified = status.modified
        changed = status.changed
        inode = status.inode
        boot = isDurable ? nil : Self.currentBoot ?? Self.unknownBoot
    }

    /// Whether the bytes can be taken to be those that were sealed.
    func vouches(for status: FileStatus) -> Bool {
        hasSameBytes(status) && changed == status.changed && (boot == nil || boot == Self.currentBoot)
    }

    /// Whether bytes that were hashed again, and found to be right, had reached the disk when they were read: nobody has
    /// written since a sync, or since before the system was started.
    func showsDurability(of status: FileStatus) -> Bool {
        guard hasSameBytes(status) else { return false }
        guard let boot else { return true }
        return boot != Self.unknownBoot && Self.currentBoot.map { $0 != boot } ?? false
    }

    private func hasSameBytes(_ status: FileStatus) -> Bool {
        size == status.size && modified == status.modified && inode == status.inode
    }

    // MARK: - Text

    var text: String {
        "\(size) \(Self.text(modified)) \(Self.text(changed)) \(inode) \(boot ?? "-")"
    }

    private static func text(_ time: FileStatus.Time) -> String { "\(time.seconds) \(time.nanoseconds)" }

    init?(text: some StringProtocol) {
        let parts = String(text).split(separator: " ", omittingEmptySubsequences: false).map { String($0) }
        guard parts.count == 7, let size = Self.number(Int64.self, parts[0]),
            let modified = Self.time(parts[1], parts[2]), let changed = Self.time(parts[3], parts[4]),
            let inode = Self.number(UInt64.self, parts[5]), !parts[6].isEmpty
        else { return nil }
        self.size = size
        self.modified = modified
        self.changed = changed
        self.inode = inode
        boot = parts[6] == "-" ? nil : parts[6]
    }

    private static func time(_ seconds: String, _ nanoseconds: String) -> FileStatus.Time? {
        guard let seconds = number(Int.self, seconds), let nanoseconds = number(Int.self, nanoseconds) else {
            return nil
        }
        return FileStatus.Time(seconds: seconds, nanoseconds: nanoseconds)
    }

    /// Nil unless `text` is how the number is written.
    private static func number<Number: FixedWidthInteger>(_ type: Number.Type, _ text: String) -> Number? {
        Number(text).flatMap { "\($0)" == text ? $0 : nil }
    }

    // MARK: - Boot

    private static let unknownBoot = "?"

    /// What the kernel calls this run of the system.
    private static let currentBoot: String? = {
        guard let file = try? OwnedDescriptor(open: "/proc/sys/kernel/random/boot_id", O_RDONLY) else { return nil }
        let text = String(unsafeUninitializedCapacity: 64) { buffer in
            (try? file.read(at: 0, into: UnsafeMutableRawBufferPointer(buffer))) ?? 0
        }
        let name = text.prefix { $0.isHexDigit || $0 == "-" }
        return name.count > 8 ? String(name) : nil
    }()
}

import MinionCore
import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A new file in a destination's folder that is not to be seen before it is complete. Unless it is published it vanishes
/// with this object; where the file system has files without names, even if the process is killed.
final class DraftFile {
    /// For reading and writing.
    let file: OwnedDescriptor
    private let names: FileNames
    /// Nil as long as it has no name.
    private var name: String?

    /// `O_TMPFILE`, a macro that Swift does not see.
    private static let withoutName: CInt = 0o20_000_000 | O_DIRECTORY
    private static let attempts = 100

    init(_ names: FileNames) throws {
        self.names = names
        if let file = try? OwnedDescriptor(open: names.folder, Self.withoutName | O_RDWR, mode: 0o600),
            // Without /proc it could never be given a name.
            (try? FileStatus.ofLink(Self.path(of: file))) ?? nil != nil
        {
            self.file = file
            return
        }
        (file, name) = try Self.create(names)
    }

    deinit {
        if let name { unlink(name) }
    }

    private static func create(_ names: FileNames) throws -> (OwnedDescriptor, String) {
        try reporting("write", names.destination) {
            try underHiddenName(names) { (name) throws(Errno) in
                (try OwnedDescriptor(open: name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600), name)
            }
        }
    }

    /// Calls `make` with hidden names until one is free.
    static func underHiddenName<Made>(
        _ names: FileNames, _ make: (String) throws(Errno) -> Made
    ) throws(Errno) -> Made {
        for _ in 0..<attempts {
            do throws(Errno) {
                return try make(names.makeHiddenName())
            } catch  where error.rawValue == EEXIST {
                // The next one.
            }
        }
        throw .fileExists
    }

    /// Gives it its rights and the destination's name, in one step.
    func publish(mode: mode_t, replacing: Bool) throws {
        try reporting("write", names.destination) {
            try file.setMode(mode)
            try file.checkClose()
            if name == nil {
                if try takeFreeName(names.destination) { return }
                if !replacing { throw Errno.fileExists }
                // A file without a name cannot replace another.
                name = try Self.underHiddenName(names) { (name) throws(Errno) in
                    try link(to: name)
                    return name
                }
            }
            guard let name else { return }
            try moveFile(name, to: names.destination, replacing: replacing)
            self.name = nil
        }
    }

    /// False if the name is taken.
    private func takeFreeName(_ path: String) throws(Errno) -> Bool {
        do throws(Errno) {
            try link(to: path)
            return true
        } catch  where error.rawValue == EEXIST {
            return false
        }
    }

    private func link(to path: String) throws(Errno) {
        let own = Self.path(of: file)
        try systemCall { linkat(AT_FDCWD, own, AT_FDCWD, path, AT_SYMLINK_FOLLOW) }
    }

    private static func path(of file: OwnedDescriptor) -> String { "/proc/self/fd/\(file.raw)" }
}

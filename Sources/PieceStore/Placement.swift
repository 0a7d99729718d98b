import MinionCore
import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Puts a file of the cache where the user wants it.
package enum Placement {
    /// How it came there.
    package enum Method: String, Hashable, Codable, Sendable {
        /// Both files share their blocks until one of them is written to.
        case reflink
        /// Both are one file, with the rights to read it only.
        case hardLink
        case copy
    }

    /// Puts what lies at `source` under the name `destination`, in one step: others see the old file or the new one, never
    /// a part. As a reflink where the file system can; else as a hard link, if one is wanted and possible; else as a copy.
    /// If it fails, nothing is left. Blocks.
    ///
    /// The new file has the rights of any new file (0666 less the umask). A hard link is made read-only, since who wrote to
    /// it would write to the cache.
    ///
    /// - Parameters:
    ///   - owner: the user whose file `source` must be; nil: anybody's.
    ///   - hardLink: whether a hard link is wanted. If `.copy` is returned nevertheless, it was not possible.
    ///   - replacing: whether a file that is there already is replaced; if not, that is the error `.exists`.
    ///   - progress: told, while it copies, how many bytes have been copied. What it throws ends the copying.
    @discardableResult
    package static func put(
        source: String, owner: UInt32? = nil, at destination: String, hardLink: Bool = false, replacing: Bool = true,
        progress: (Int64) throws -> Void = { _ in }
    ) throws -> Method {
        let names = try FileNames(destination: destination)
        try names.checkDestination()
        if !replacing, try reporting("write", destination, { try FileStatus.ofLink(destination) }) != nil {
            throw StorageError("write", destination, .fileExists)
        }
        let content = try open(source)
        let before = try reporting("read", source) { try content.status() }
        if let owner, before.owner != owner {
            throw StorageError(.denied, "\(source) belongs to another user than it should")
        }
        let mode = 0o666 & ~currentUmask()

        let draft = try DraftFile(names)
        if FileCopy.clone(content, to: draft.file) {
            try draft.publish(mode: mode, replacing: replacing)
            return .reflink
        }
        if hardLink, try linked(source, content, to: names, replacing: replacing) { return .hardLink }
        try reporting("write", destination) {
            try DataFile.checkRoom(for: before.size, on: draft.file, path: destination)
            try FileCopy.copy(content, to: draft.file, size: before.size, progress: progress)
            guard try content.status().isUnchanged(since: before) else {
                throw StorageError(.changed, "\(source) was changed while it was copied; try again")
            }
        }
        try draft.publish(mode: mode, replacing: replacing)
        return .copy
    }

    private static func open(_ source: String) throws -> OwnedDescriptor {
        do throws(Errno) {
            let file = try OwnedDescriptor(open: source, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
            if try file.status().isRegular { return file }
        } catch  where error.rawValue == ENOENT {
            throw StorageError(.changed, "\(source) is not there any more; try again")
        } catch {
            throw StorageError(.other, "cannot read \(source): \(error)")
        }
        throw StorageError(.notRegular, "\(source) is no plain file")
    }

    /// Gives the file a second name. False if that is not possible: on another file system, or on one without links.
    private static func linked(
        _ source: String, _ content: OwnedDescriptor, to names: FileNames, replacing: Bool
    ) throws -> Bool {
        let status = try reporting("read", source) { try content.status() }
        let name: String
        do throws(Errno) {
            name = try DraftFile.underHiddenName(names) { (name) throws(Errno) in
                try systemCall { link(source, name) }
                return name
            }
        } catch {
            return false
        }
        // In any case: of two names of one file, rename(2) leaves both.
        defer { unlink(name) }
        return try reporting("write", names.destination) {
            // Not what was opened, if somebody has put another file there meanwhile.
            guard let linked = try FileStatus.ofLink(name), linked.isSameFile(as: status) else { return false }
            let mode = 0o444 & ~currentUmask()
            if status.rights != mode { try content.setMode(mode) }
            try moveFile(name, to: names.destination, replacing: replacing)
            return true
        }
    }
}

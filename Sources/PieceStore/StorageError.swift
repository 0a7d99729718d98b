import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Why a file could not be opened, written or put in its place.
package struct StorageError: Error, Hashable, Sendable, CustomStringConvertible {
    package var code: Code
    /// One line: what was tried, the path, the system's own words, and what to do.
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }

    package struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String {
            case busy, noFolder, denied, readOnly, isFolder, notRegular, nameTooLong, full, exists, device, changed
            case closed, outOfRange, invalid, other
        }

        private let value: Value

        package var description: String { value.rawValue }

        /// Another minion is at work on the same destination or cache; or what is to be removed is in use.
        package static let busy = Code(value: .busy)
        /// The destination's folder is not there.
        package static let noFolder = Code(value: .noFolder)
        /// The user may not write there.
        package static let denied = Code(value: .denied)
        package static let readOnly = Code(value: .readOnly)
        /// The destination is a folder.
        package static let isFolder = Code(value: .isFolder)
        /// A link, a device or something else lies where a plain file is needed.
        package static let notRegular = Code(value: .notRegular)
        package static let nameTooLong = Code(value: .nameTooLong)
        /// No space, over quota or a cache's limit, or larger than the file system can hold.
        package static let full = Code(value: .full)
        /// The destination is there and was not to be replaced.
        package static let exists = Code(value: .exists)
        /// The device failed (EIO).
        package static let device = Code(value: .device)
        /// Somebody else changed the file while it was being downloaded.
        package static let changed = Code(value: .changed)
        /// Used after `close`, `publish` or `remove`, whichever ended this use.
        package static let closed = Code(value: .closed)
        /// An offset or a piece that the file does not have.
        package static let outOfRange = Code(value: .outOfRange)
        /// An argument that makes no sense, such as a path with a zero byte.
        package static let invalid = Code(value: .invalid)
        package static let other = Code(value: .other)
    }
}

extension StorageError {
    /// The error for a system call that failed: `cannot <action> <path>: <system's words>; <what to do>`. `place` is what the user may choose another one of.
    init(_ action: String, _ path: String, _ error: Errno, place: String = "destination") {
        let (code, advice): (Code, String?) =
            switch error.rawValue {
            case ENOENT, ENOTDIR: (.noFolder, "create the folder or choose another \(place)")
            case EACCES, EPERM: (.denied, "allow writing there or choose another \(place)")
            case EROFS: (.readOnly, "choose a \(place) on another file system")
            case ENAMETOOLONG: (.nameTooLong, "choose a shorter name")
            case EISDIR: (.isFolder, "name a file in it")
            case ELOOP: (.notRegular, "it is a symbolic link; remove it or choose another \(place)")
            case ENOSPC, EDQUOT: (.full, "make room or choose another \(place)")
            case EFBIG: (.full, "the file is larger than this file system or a limit allows")
            case EEXIST: (.exists, "remove it or choose another \(place)")
            case EIO: (.device, "check the disk")
            case EMFILE, ENFILE: (.other, "raise the limit of open files")
            default: (.other, nil)
            }
        let words = "cannot \(action) \(path): \(error)"
        self.init(code, advice.map { "\(words); \($0)" } ?? words)
    }

    static func closed(_ path: String) -> StorageError {
        StorageError(.closed, "\(path) is no longer open for that")
    }
}

import Foundation
import Testing

/// A tmpfs, which takes root to mount.
enum SmallDisk {
    static let canMount: Bool = {
        let tried = try? withFolder { folder in
            mount("tmpfs", folder, "tmpfs", 0, "size=64k") == 0 && umount2(folder, CInt(MNT_DETACH)) == 0
        }
        return tried ?? false
    }()
}

/// Gives `body` a file system of its own, of one megabyte if nothing else is said.
func withSmallDisk(_ size: String = "1m", _ body: (String) throws -> Void) throws {
    try withFolder { folder in
        try #require(mount("tmpfs", folder, "tmpfs", 0, "size=\(size)") == 0)
        defer { umount2(folder, CInt(MNT_DETACH)) }
        try body(folder)
    }
}

/// Takes all the room there is.
func fill(_ folder: String) throws {
    let filler = open(folder + "/filler", O_CREAT | O_WRONLY | O_APPEND, 0o600)
    try #require(filler >= 0)
    defer { close(filler) }
    let block = [UInt8](repeating: 1, count: 4096)
    while write(filler, block, block.count) > 0 {}
    #expect(errno == ENOSPC)
}

/// A file system on which files can share their blocks: an XFS in a file, which takes root, its tools and a loop device.
enum SharingDisk {
    static let canMount: Bool = {
        guard geteuid() == 0 else { return false }
        let tried: Void? = try? withSharingDisk { _ in }
        return tried != nil
    }()
}

func withSharingDisk(_ body: (String) throws -> Void) throws {
    try withFolder { folder in
        let (image, disk) = (folder + "/image", folder + "/disk")
        try put([], image)
        try #require(truncate(image, 320 << 20) == 0 && mkdir(disk, 0o700) == 0)
        try run("mkfs.xfs", "-q", image)
        try run("mount", "-o", "loop", image, disk)
        defer { umount2(disk, CInt(MNT_DETACH)) }
        try body(disk)
    }
}

private struct CommandFailure: Error {}

private func run(_ command: String...) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    process.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
    process.standardError = nil
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw CommandFailure() }
}

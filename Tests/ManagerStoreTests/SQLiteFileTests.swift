import Foundation
import ManagerStore
import Testing

@Suite struct SQLiteFileTests {
    private func open(_ path: String, _ change: (inout StoreConfiguration) -> Void = { _ in }) async throws -> Store {
        try await Place(engine: .sqlite, configuration: StoreConfiguration(location: .sqlite(path: path))).open(change)
    }

    private func rights(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return try #require(attributes[.posixPermissions] as? Int)
    }

    @Test func filesAreForTheOwnerOnly() async throws {
        try await withFolder { folder in
            let path = folder + "/a/b/manager.sqlite"
            let store = try await open(path)
            try await store.write { tx in try tx.settings.set("key", [1]) }
            #expect(try rights(folder + "/a/b") == 0o700)
            for suffix in ["", "-wal", "-shm"] { #expect(try rights(path + suffix) == 0o600, "\(suffix)") }
            await store.close()
        }
    }

    @Test func whatOthersMayReadOrPlantIsRefused() async throws {
        try await withFolder { folder in
            let path = folder + "/manager.sqlite"
            await (try open(path)).close()
            try await run(["chmod", "640", path])
            #expect(try await storeError { _ = try await open(path) }?.description.contains("chmod 600") == true)
            try await run(["chmod", "600", path])
            try await run(["ln", "-s", path, folder + "/link"])
            #expect(try await storeError { _ = try await open(folder + "/link") }?.isRefused == true)
            #expect(try await storeError { _ = try await open(folder) }?.isRefused == true)
            #expect(try await storeError { _ = try await open(folder + "/") }?.isRefused == true)
            #expect(try await storeError { _ = try await open(path + "/x") }?.isRefused == true)
            #expect(try await storeError { _ = try await open(folder + "/a\u{0}b") }?.isRefused == true)
            try await run(["chmod", "777", folder])
            #expect(try await storeError { _ = try await open(path) }?.description.contains("chmod 700") == true)
        }
    }

    @Test func whatIsNoDatabaseIsRefusedAndLeftAlone() async throws {
        try await withFolder { folder in
            let path = folder + "/manager.sqlite"
            let text = String(repeating: "This is my diary. ", count: 1000)
            try text.write(toFile: path, atomically: false, encoding: .utf8)
            try await run(["chmod", "600", path])
            #expect(try await storeError { _ = try await open(path) }?.isRefused == true)
            #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
        }
    }

    @Test func locationIsReadFromTheOption() throws {
        func location(_ database: String?, _ folder: String = "/data") throws -> StoreConfiguration.Location {
            try StoreConfiguration(database: database, dataFolder: folder).location
        }
        #expect(try location(nil) == .sqlite(path: "/data/manager.sqlite"))
        #expect(try location("", "/data/") == .sqlite(path: "/data/manager.sqlite"))
        #expect(try location("sqlite:/a") == .sqlite(path: "/a"))
        for url in ["postgres://h/d?sslmode=require", "postgresql://u:p@h/d"] {
            #expect(try location(url) == .postgres(url: url))
        }
        for bad in ["mysql://geheim@h", "sqlite:", "/a/b", "postgres:x", "postgres://a\u{0}"] {
            let error = #expect(throws: StoreError.self) { _ = try location(bad) }
            #expect(error?.isRefused == true && error?.description.contains("geheim") == false)
        }
        #expect(throws: StoreError.self) { _ = try location(nil, "") }
    }

    @Test func writerInAnotherProcessIsWaitedFor() async throws {
        try await withFolder { folder async throws in
            let path = folder + "/manager.sqlite"
            let first = try await open(path)
            let second = try await open(path) { $0.waitLimit = .milliseconds(300) }
            let (started, release) = (Latch(), Latch())
            async let written: Void = first.write { tx in
                try tx.settings.set("a", [1])
                started.open()
                release.wait()
            }
            try await eventually("it writes") { started.count == 1 }
            #expect(try await storeError { try await second.write { _ in } }?.isUnavailable == true)
            // Readers are not in the way of anybody.
            #expect(try await second.read { tx in try tx.settings.get("a") } == nil)
            release.open()
            try await written
            try await second.write { tx throws in #expect(try tx.settings.get("a") == [1]) }
            await first.close()
            await second.close()
        }
    }
}

private let canMount: Bool = {
    let folder = "/tmp/minion-mount-" + UUID().uuidString
    guard mkdir(folder, 0o700) == 0 else { return false }
    defer { rmdir(folder) }
    return mount("tmpfs", folder, "tmpfs", 0, "size=64k") == 0 && umount2(folder, Int32(MNT_DETACH)) == 0
}()

/// Disks that are full or read-only: a small tmpfs each, which takes root to mount.
@Suite(.enabled(if: canMount, "mounting a tmpfs takes root and a mount namespace that allows it"))
struct FullDiskTests {
    private func withSmallDisk(_ body: (String) async throws -> Void) async throws {
        try await withFolder { folder in
            try #require(mount("tmpfs", folder, "tmpfs", 0, "size=3m,mode=700") == 0)
            defer { umount2(folder, Int32(MNT_DETACH)) }
            try await body(folder)
        }
    }

    private func open(_ folder: String) async throws -> Store {
        let configuration = StoreConfiguration(location: .sqlite(path: folder + "/manager.sqlite"))
        return try await Place(engine: .sqlite, configuration: configuration).open()
    }

    @Test func fullDiskIsToldAndPasses() async throws {
        try await withSmallDisk { folder in
            let store = try await open(folder)
            try await store.seed(Seed(rootPasswordHash: "h", mustChangePassword: false, objects: objects))
            try await store.write { tx in try tx.settings.set("a", [1]) }
            // The room for what the log needs to shrink again is taken last.
            let filler = folder + "/filler"
            _ = try await run(["dd", "if=/dev/zero", "of=" + filler, "bs=4k"], check: false)
            var error: StoreError?
            for number in 0..<200 where error == nil {
                error = try await storeError {
                    try await store.write { tx in try tx.audits.append((0..<50).map { .sample("/\(number)/\($0)") }) }
                }
            }
            #expect(error?.isFull == true, "\(String(describing: error))")
            #expect(try await store.read { tx in try tx.settings.get("a") } == [1])
            try FileManager.default.removeItem(atPath: filler)
            try await store.write { tx in try tx.settings.set("a", [2]) }
            #expect(try await store.read { tx in try tx.settings.get("a") } == [2])
            await store.close()
        }
    }

    @Test func diskThatIsFullAtTheStartIsRefused() async throws {
        try await withSmallDisk { folder in
            _ = try await run(["dd", "if=/dev/zero", "of=" + folder + "/filler", "bs=4k"], check: false)
            let error = try await storeError { _ = try await open(folder) }
            #expect(error?.isFull == true, "\(String(describing: error))")
        }
    }

    @Test func readOnlyDiskIsTold() async throws {
        try await withSmallDisk { folder in
            await (try open(folder)).close()
            // Programs that other tests start hold all that is open here, for a moment.
            try await eventually("the disk becomes read-only") {
                mount("tmpfs", folder, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), "") == 0
            }
            let error = try await storeError { _ = try await open(folder) }
            #expect(error?.isFull == true, "\(String(describing: error))")
        }
    }
}

import MinionCore
import Scheduler
import Testing
import Wire

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Runs `body` with an empty directory that is removed afterwards.
func withTemporaryDirectory<Value>(_ body: (String) async throws -> Value) async throws -> Value {
    let path = FileManager.default.temporaryDirectory.path + "/minion-test-\(UInt64.random(in: .min ... .max))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
}

struct TrackerKeyFileTests {
    private func mode(_ path: String) throws -> UInt32 {
        var info = stat()
        try #require(lstat(path, &info) == 0)
        return UInt32(info.st_mode) & 0o777
    }

    @Test func keyIsMadeOnceAndForItsOwnerOnly() async throws {
        try await withTemporaryDirectory { parent in
            let directory = parent + "/a/b"
            let key = try TrackerKeyFile.load(fromDirectory: directory)
            #expect(try mode(directory) == 0o700)
            #expect(try mode(directory + "/tracker.key") == 0o600)
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["tracker.key"])
            #expect(try TrackerKeyFile.load(fromDirectory: directory).publicKeyHex == key.publicKeyHex)
        }
    }

    @Test func manyAtOnceAgreeOnOneKey() async throws {
        try await withTemporaryDirectory { directory in
            chmod(directory, 0o700)
            let keys = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<16 { group.addTask { try TrackerKeyFile.load(fromDirectory: directory).publicKeyHex } }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(keys.count == 1)
        }
    }

    private func refusal(_ directory: String) -> String? {
        let error = #expect(throws: SchedulerError.self) { try TrackerKeyFile.load(fromDirectory: directory) }
        return error?.message
    }

    @Test func directoryThatAnybodyMayWriteToIsRefused() async throws {
        try await withTemporaryDirectory { directory in
            chmod(directory, 0o777)
            #expect(refusal(directory)?.contains("chmod 700") == true)
        }
    }

    @Test(.enabled(if: geteuid() == 0, "needs to give a directory away"))
    func directoryOfSomebodyElseIsRefused() async throws {
        try await withTemporaryDirectory { directory in
            chmod(directory, 0o700)
            try #require(chown(directory, 54321, 54321) == 0)
            #expect(refusal(directory)?.contains("belongs to somebody else") == true)
        }
    }

    @Test func fileInPlaceOfTheDirectoryIsRefused() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/file"
            #expect(FileManager.default.createFile(atPath: path, contents: nil))
            #expect(refusal(path)?.contains("no directory") == true)
            #expect(refusal("") != nil)
        }
    }

    @Test func keyThatOthersMayReadIsRefused() async throws {
        try await withTemporaryDirectory { directory in
            chmod(directory, 0o700)
            _ = try TrackerKeyFile.load(fromDirectory: directory)
            chmod(directory + "/tracker.key", 0o640)
            #expect(refusal(directory)?.contains("chmod 600") == true)
        }
    }

    @Test(arguments: ["", "x", String(repeating: "0", count: 62), String(repeating: "0", count: 300)])
    func brokenKeyIsNotReplaced(text: String) async throws {
        try await withTemporaryDirectory { directory in
            chmod(directory, 0o700)
            let path = directory + "/tracker.key"
            #expect(FileManager.default.createFile(atPath: path, contents: Data(text.utf8)))
            chmod(path, 0o600)
            #expect(refusal(directory)?.contains("holds no key") == true)
            #expect(FileManager.default.contents(atPath: path) == Data(text.utf8))
        }
    }

    @Test func linkInPlaceOfTheKeyIsRefused() async throws {
        try await withTemporaryDirectory { directory in
            chmod(directory, 0o700)
            _ = try TrackerKeyFile.load(fromDirectory: directory)
            rename(directory + "/tracker.key", directory + "/elsewhere")
            symlink(directory + "/elsewhere", directory + "/tracker.key")
            #expect(refusal(directory)?.contains("symbolic link") == true)
        }
    }
}

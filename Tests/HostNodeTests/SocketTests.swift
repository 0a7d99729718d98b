import Dispatch
import Glibc
import HostNode
import Testing

/// The socket of a node: where it is, who may have it, and what is left of dead ones.
@Suite struct SocketTests {
    @Test func placesDependOnWhoAsks() {
        let environment = ["XDG_RUNTIME_DIR": "/run/user/7", "HOME": "/home/me"]
        let standard = { (environment: [String: String], isRoot: Bool) in
            NodeSocket.standardPlaces(environment: environment, isRoot: isRoot)
        }
        #expect(standard(environment, false) == ["/run/user/7/minion/node.sock", "/run/minion/node.sock"])
        #expect(
            standard(["HOME": "/home/me"], false)
                == ["/home/me/.local/state/minion/node.sock", "/run/minion/node.sock"])
        #expect(standard([:], false) == ["/run/minion/node.sock"])
        #expect(standard(environment, true) == ["/run/minion/node.sock"])
    }

    @Test func socketIsItsOwnersOnly() throws {
        let folder = SocketFolder()
        let listener = try HostListener(path: folder.path + "/made/node.sock")
        var status = stat()
        #expect(stat(folder.path + "/made/node.sock", &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600 && status.st_mode & S_IFMT == S_IFSOCK)
        #expect(stat(folder.path + "/made", &status) == 0 && status.st_mode & 0o777 == 0o700)
        listener.remove()
        #expect(access(folder.path + "/made/node.sock", F_OK) != 0)
    }

    @Test func livingNodeIsRefusedByItsProcess() throws {
        let folder = SocketFolder()
        let first = try HostListener(path: folder.path + "/s")
        let error = #expect(throws: HostError.self) { try HostListener(path: folder.path + "/s") }
        #expect(error?.message.contains("process \(getpid())") == true, "\(error.debugDescription)")
        first.remove()
    }

    /// A node that was killed leaves its socket, and its lock is free.
    @Test func whatADeadNodeLeftIsReplaced() throws {
        let folder = SocketFolder()
        for _ in 0..<2 {
            let dead = try HostListener(path: folder.path + "/s")
            close(dead.descriptor)
        }
        #expect(access(folder.path + "/s", F_OK) == 0)
        _ = try HostListener(path: folder.path + "/s")
    }

    @Test func otherFilesAreNotReplaced() throws {
        let folder = SocketFolder()
        close(open(folder.path + "/s", O_CREAT | O_WRONLY, 0o600))
        let error = #expect(throws: HostError.self) { try HostListener(path: folder.path + "/s") }
        #expect(error?.message.contains("is no socket") == true)
        #expect(access(folder.path + "/s", F_OK) == 0)
    }

    @Test func socketThatBecameAnothersIsNotRemoved() throws {
        let folder = SocketFolder()
        let listener = try HostListener(path: folder.path + "/s")
        unlink(folder.path + "/s")
        close(open(folder.path + "/s", O_CREAT | O_WRONLY, 0o600))
        listener.remove()
        #expect(access(folder.path + "/s", F_OK) == 0)
    }

    @Test func pathThatIsTooLongIsRefusedWithItsLength() {
        let path = "/tmp/" + String(repeating: "x", count: 110)
        for error in [
            #expect(throws: HostError.self) { try HostListener(path: path) },
            #expect(throws: HostError.self) { try HostConnection(path: path) },
        ] {
            #expect(error?.message.contains("115 bytes") == true && error?.message.contains("107") == true)
            #expect(error?.hint?.contains("--socket") == true)
        }
    }

    @Test func longestPathWorks() throws {
        let folder = SocketFolder()
        let path = folder.path + "/" + String(repeating: "x", count: 107 - folder.path.utf8.count - 1)
        #expect(path.utf8.count == 107)
        let listener = try HostListener(path: path)
        listener.remove()
    }

    @Test func deadSocketIsNoNode() throws {
        let folder = SocketFolder()
        close(try HostListener(path: folder.path + "/s").descriptor)
        #expect(HostConnection.find(at: [folder.path + "/none", folder.path + "/s"]) == nil)
        let error = #expect(throws: HostError.self) { try HostConnection(path: folder.path + "/s") }
        #expect(error?.message.contains("no node answers") == true)
    }

    /// It accepts connections as long as the system has room for them, and says nothing.
    @Test func nodeThatIsStoppedIsPassedOver() throws {
        let folder = SocketFolder()
        let silent = try HostListener(path: folder.path + "/s")
        let start = ContinuousClock.now
        let error = #expect(throws: HostError.self) {
            try HostConnection(path: folder.path + "/s", patience: .milliseconds(50))
        }
        #expect(error?.message.contains("does not answer") == true)
        #expect(ContinuousClock.now - start < .seconds(10))
        silent.remove()
    }

    @Test(arguments: [
        (#"{"hello":{"_0":{"version":1,"program":"9","processID":1}}}"# + "\n", nil as String?),
        (#"{"hello":{"_0":{"version":2,"program":"9","processID":1}}}"# + "\n", "another version"),
        (#"{"refused":{"_0":"not you"}}"# + "\n", "not you"), ("nonsense\n", "nonsense"),
        (String(repeating: "x", count: 5000), "does not answer"), ("", "hangs up"),
    ])
    func greetingIsRead(text: String, fault: String?) throws {
        let folder = SocketFolder()
        let listener = try HostListener(path: folder.path + "/s")
        defer { listener.remove() }
        let isDone = DispatchSemaphore(value: 0)
        DispatchQueue(label: "node").async {
            let fd = accept(listener.descriptor, nil, nil)
            _ = text.withCString { send(fd, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
            if text.isEmpty || fault == nil { shutdown(fd, Int32(SHUT_WR)) }
            var byte: UInt8 = 0
            while read(fd, &byte, 1) > 0 {}
            close(fd)
            isDone.signal()
        }
        if let fault {
            let error = #expect(throws: HostError.self) { try HostConnection(path: folder.path + "/s") }
            #expect(error?.message.contains(fault) == true, "\(error.debugDescription)")
        } else {
            let connection = try HostConnection(path: folder.path + "/s")
            #expect(connection.node.userID == geteuid() && connection.node.processID == getpid())
            #expect(connection.contentOwner == nil)
            var splitter = LineSplitter()
            #expect(try connection.read(&splitter) == nil)
        }
        isDone.wait()
    }

    @Test func onlyTheSameUserAndRootMayTalk() {
        var caller = PeerCredentials()
        caller.userID = 0
        #expect(caller.mayTalk(to: 7) && caller.mayTalk(to: 0))
        caller.userID = 7
        #expect(caller.mayTalk(to: 7) && !caller.mayTalk(to: 0) && !caller.mayTalk(to: 8))
    }
}

/// A folder with a short path, gone with all that is in it afterwards.
struct SocketFolder: ~Copyable {
    let path: String

    init() {
        var template = Array("/tmp/mn-XXXXXX".utf8CString)
        precondition(mkdtemp(&template) != nil, "no temporary folder")
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { Self.removeAll(path) }

    private static func removeAll(_ path: String) {
        if let folder = opendir(path) {
            while let entry = readdir(folder) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if name != ".", name != "..", unlink("\(path)/\(name)") != 0 { removeAll("\(path)/\(name)") }
            }
            closedir(folder)
        }
        rmdir(path)
    }
}

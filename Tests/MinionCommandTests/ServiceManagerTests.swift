import Glibc
import MinionCommand
import Testing

/// What systemd is told, read from the socket that it would read.
@Suite struct ServiceManagerTests {
    private func messages(name: (String) -> String, _ body: (ServiceManager) -> Void) throws -> [String] {
        let folder = TestFolder()
        let path = name(folder.path)
        let fd = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(fd) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(path.utf8)
        if bytes[0] == UInt8(ascii: "@") { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(2 + bytes.count)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(fd, $0, length) }
        }
        try #require(result == 0)
        body(ServiceManager(environment: ["NOTIFY_SOCKET": path]))
        var found: [String] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(fd, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            guard count > 0 else { return found }
            found.append(String(decoding: buffer[..<count], as: UTF8.self))
        }
    }

    @Test(arguments: [true, false])
    func everyStateIsTold(isAbstract: Bool) throws {
        let name = { (folder: String) in isAbstract ? "@minion-test-\(getpid())" : folder + "/notify" }
        let messages = try messages(name: name) { manager in
            manager.ready("on a\nline")
            manager.reloading()
            manager.isAlive()
            manager.stopping()
        }
        #expect(messages.count == 4)
        #expect(messages.first == "READY=1\nSTATUS=on a\\u{a}line")
        #expect(messages.dropFirst().first?.hasPrefix("RELOADING=1\nMONOTONIC_USEC=") == true)
        #expect(messages.suffix(2) == ["WATCHDOG=1", "STOPPING=1"])
    }

    @Test func withoutSystemdNobodyIsTold() {
        let manager = ServiceManager(environment: [:])
        manager.ready("")
        #expect(manager.watchdogInterval == nil)
        ServiceManager(environment: ["NOTIFY_SOCKET": "/nowhere/" + String(repeating: "x", count: 200)]).ready("")
    }

    @Test func signsOfLifeComeTwiceAsOftenAsTheyMust() {
        let environment = ["WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "7"]
        #expect(ServiceManager(environment: environment, processID: 7).watchdogInterval == .seconds(5))
        #expect(ServiceManager(environment: environment, processID: 8).watchdogInterval == nil)
        #expect(ServiceManager(environment: ["WATCHDOG_USEC": "x"]).watchdogInterval == nil)
        #expect(ServiceManager(environment: ["WATCHDOG_USEC": "0"]).watchdogInterval == nil)
    }
}

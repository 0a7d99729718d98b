import NIOPosix

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

struct ClientError: Error, CustomStringConvertible {
    let description: String
    init(_ text: String) { description = text }
}

/// A blocking TCP client that sends exactly the bytes it is given. Not for more than one thread at a time.
final class RawClient {
    private var descriptor: CInt
    private var buffer: [UInt8] = []

    struct Response {
        let status: Int
        let headers: [String: String]
        var body: [UInt8] = []

        /// By lower-case name.
        subscript(_ name: String) -> String? { headers[name] }
        var text: String { String(decoding: body, as: UTF8.self) }
    }

    init(port: Int, receiveBuffer: Int? = nil, timeoutSeconds: Int = 10) throws {
        descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw ClientError("socket: \(errno)") }
        var timeout = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        if var size = receiveBuffer.map(CInt.init) {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<CInt>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            let code = errno
            close()
            throw ClientError("connect: \(code)")
        }
    }

    deinit { close() }

    func close() {
        guard descriptor >= 0 else { return }
        Glibc.close(descriptor)
        descriptor = -1
    }

    /// Ends the connection with a reset, as a killed host would.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    func closeWriting() { shutdown(descriptor, CInt(SHUT_WR)) }

    func send(_ text: String) throws {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
            guard count > 0 else { throw ClientError("send: \(errno)") }
            bytes.removeFirst(count)
        }
    }

    /// More bytes; none at the end of the connection. A reset counts as the end.
    func receive() throws -> [UInt8] {
        var chunk = [UInt8](repeating: 0, count: 256 << 10)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        if count < 0 {
            guard errno == ECONNRESET else {
                throw ClientError(errno == EAGAIN ? "nothing came in time" : "recv: \(errno)")
            }
            return []
        }
        return Array(chunk[..<count])
    }

    /// Whether the server has closed the connection, or does so in time, after whatever else it sends.
    func isClosedByServer() throws -> Bool {
        while true {
            if try receive().isEmpty { return true }
        }
    }

    func line() throws -> String {
        while true {
            if let end = buffer.firstIndex(of: 10) {
                let line = String(decoding: buffer[..<end], as: UTF8.self)
                buffer.removeFirst(end + 1)
                return line.hasSuffix("\r") ? String(line.dropLast()) : line
            }
            let bytes = try receive()
            guard !bytes.isEmpty else { throw ClientError("the connection ended within a line") }
            buffer += bytes
        }
    }

    private func bytes(_ count: Int) throws -> [UInt8] {
        while buffer.count < count {
            let bytes = try receive()
            guard !bytes.isEmpty else {
                throw ClientError("the connection ended after \(buffer.count) of \(count) bytes")
            }
            buffer += bytes
        }
        defer { buffer.removeFirst(count) }
        return Array(buffer[..<count])
    }

    func head() throws -> Response {
        let parts = try line().split(separator: " ")
        guard parts.count >= 2, parts[0].hasPrefix("HTTP/1."), let status = Int(parts[1]) else {
            throw ClientError("no status line: \(parts)")
        }
        var headers: [String: String] = [:]
        while true {
            let line = try line()
            guard !line.isEmpty, let colon = line.firstIndex(of: ":") else { break }
            headers[line[..<colon].lowercased()] = String(line[line.index(after: colon)...].drop { $0 == " " })
        }
        return Response(status: status, headers: headers)
    }

    /// The data of one chunk of a chunked body; empty at the end.
    func chunk() throws -> String {
        guard let count = Int(try line(), radix: 16) else { throw ClientError("no chunk size") }
        let data = try bytes(count)
        _ = try line()
        return String(decoding: data, as: UTF8.self)
    }

    func response(hasBody: Bool = true) throws -> Response {
        var response = try head()
        if hasBody, response.status != 304 { response.body = try bytes(Int(response["content-length"] ?? "0") ?? 0) }
        return response
    }

    func request(_ method: String = "GET", _ path: String, _ fields: [String] = []) throws -> Response {
        try send("\(method) \(path) HTTP/1.1\r\nHost: test\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n")
        return try response(hasBody: method != "HEAD")
    }
}

/// Runs blocking code on a thread of its own.
func blocking<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await pool.runIfActive(body)
}

private let pool: NIOThreadPool = {
    let pool = NIOThreadPool(numberOfThreads: 32)
    pool.start()
    return pool
}()

/// Waits until `condition` holds; false if it does not within `seconds`.
func eventually(within seconds: Double = 20, _ condition: () -> Bool) async throws -> Bool {
    let end = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < end {
        if condition() { return true }
        try await Task.sleep(for: .milliseconds(2))
    }
    return condition()
}

func usleepMilliseconds(_ milliseconds: UInt32) { usleep(milliseconds * 1000) }

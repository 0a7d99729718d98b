package import MinionCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Who tells the addresses of host names.
package struct HostResolver: Sendable {
    private let lookUp: @Sendable (String) async throws -> [IPAddress]

    /// Resolves with `lookUp`, which is given a host's name, never an address. If it throws or returns nothing, the name does
    /// not resolve.
    package init(_ lookUp: @escaping @Sendable (String) async throws -> [IPAddress]) {
        self.lookUp = lookUp
    }

    /// As this machine does it: its hosts file, its name servers. Runs on threads of its own; a look-up that is cancelled is
    /// left behind there.
    package static let system = HostResolver { try await resolve($0) }

    /// All addresses of a name, best first; of an address, itself. Throws if the name does not resolve.
    package func addresses(of host: String) async throws -> [IPAddress] {
        if let address = IPAddress(host) { return [address] }
        return try await lookUp(host)
    }

    /// Names that take long hold up other names, but nobody else.
    private static let threads: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 4)
        pool.start()
        return pool
    }()

    private static func resolve(_ host: String) async throws -> [IPAddress] {
        let answer = FirstAnswer<[IPAddress]>()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                answer.wait(continuation)
                threads.submit { state in
                    // Nobody is asked for those who have gone meanwhile.
                    guard state == .active, answer.isWaitedFor else {
                        return answer.give(.failure(CancellationError()))
                    }
                    answer.give(Result { try blockingResolve(host) })
                }
            }
        } onCancel: {
            answer.give(.failure(CancellationError()))
        }
    }

    private static func blockingResolve(_ host: String) throws -> [IPAddress] {
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, nil, nil, &list)
        guard code == 0 else { throw ResolverError(code: code) }
        defer { freeaddrinfo(list) }
        var found: [IPAddress] = []
        var next = list
        while let entry = next {
            // There is one entry for each kind of socket.
            if let address = address(entry.pointee), !found.contains(address) { found.append(address) }
            next = entry.pointee.ai_next
        }
        return found
    }

    private static func address(_ entry: addrinfo) -> IPAddress? {
        guard let address = entry.ai_addr else { return nil }
        let raw = UnsafeRawPointer(address)
        switch entry.ai_family {
        case AF_INET:
            let bytes = withUnsafeBytes(of: raw.loadUnaligned(as: sockaddr_in.self).sin_addr) { Array($0) }
            return IPAddress(bytes: bytes)
        case AF_INET6:
            let bytes = withUnsafeBytes(of: raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr) { Array($0) }
            return IPAddress(bytes: bytes)
        default: return nil
        }
    }
}

/// What `getaddrinfo` says.
private struct ResolverError: Error {
    var code: Int32
}

/// Hands the first of several answers to somebody who waits; the others are dropped.
private final class FirstAnswer<Value: Sendable>: Sendable {
    private enum State {
        case early(Result<Value, any Error>?)
        case waited(CheckedContinuation<Value, any Error>)
        case given
    }

    private let state = Mutex(State.early(nil))

    var isWaitedFor: Bool {
        state.withLock { if case .waited = $0 { true } else { false } }
    }

    /// To be called once.
    func wait(_ continuation: CheckedContinuation<Value, any Error>) {
        let answer: Result<Value, any Error>? = state.withLock { state in
            guard case .early(let answer?) = state else {
                state = .waited(continuation)
                return nil
            }
            state = .given
            return answer
        }
        if let answer { continuation.resume(with: answer) }
    }

    func give(_ answer: Result<Value, any Error>) {
        let continuation: CheckedContinuation<Value, any Error>? = state.withLock { state in
            switch state {
            case .early(nil): state = .early(answer)
            case .early, .given: break
            case .waited(let continuation):
                state = .given
                return continuation
            }
            return nil
        }
        continuation?.resume(with: answer)
    }
}

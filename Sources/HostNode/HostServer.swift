import Glibc
package import Logging
import NIOCore
import NIOPosix
package import Node

/// The host's node as other programs see it: takes their orders from a local socket, and tells them what comes of these.
package final class HostServer: Sendable {
    typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    private let listener: HostListener
    private let node: MinionNode
    private let cache: CacheDesk
    private let greeting: HostGreeting
    private let logger: Logger

    /// `program` is the version that programs are told.
    package init(listener: HostListener, node: MinionNode, cache: CacheDesk, program: String, logger: Logger) {
        self.listener = listener
        self.node = node
        self.cache = cache
        greeting = HostGreeting(program: program, processID: getpid())
        self.logger = logger
    }

    /// Serves until the task is cancelled; then orders under way fail, and the socket's name is gone.
    package func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        defer { listener.remove() }
        do {
            let server = try await ServerBootstrap(group: group).bind(listener.descriptor) { channel in
                channel.eventLoop.makeCompletedFuture { try Connection(wrappingChannelSynchronously: channel) }
            }
            try await server.executeThenClose { connections in
                try await withThrowingDiscardingTaskGroup { group in
                    for try await connection in connections {
                        group.addTask { await self.serve(connection) }
                    }
                    group.cancelAll()
                }
            }
        } catch is CancellationError {
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        try? await group.shutdownGracefully()
    }

    private func serve(_ connection: Connection) async {
        let caller = await Self.credentials(of: connection.channel)
        do {
            try await connection.executeThenClose { inbound, outbound in
                let voice = HostVoice(channel: connection.channel, outbound: outbound)
                guard let caller, caller.mayTalk(to: geteuid()) else {
                    logger.warning(
                        "refused a caller of another user", metadata: ["user": "\(caller?.userID ?? .max)"])
                    return await voice.say(.refused("it belongs to another user"))
                }
                await voice.say(.hello(greeting))
                await HostConversation(node: node, cache: cache, voice: voice, logger: logger).run(inbound)
            }
        } catch {
            logger.debug("a local connection ended", metadata: ["error": "\(error)"])
        }
    }

    private static func credentials(of channel: any Channel) async -> PeerCredentials? {
        guard let provider = channel as? any SocketOptionProvider else { return nil }
        let option = NIOBSDSocket.Option(rawValue: SO_PEERCRED)
        let future: EventLoopFuture<PeerCredentials> = provider.unsafeGetSocketOption(level: .socket, name: option)
        return try? await future.get()
    }
}

/// What the node says on one connection.
struct HostVoice: Sendable {
    private let channel: any Channel
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>

    init(channel: any Channel, outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>) {
        self.channel = channel
        self.outbound = outbound
    }

    /// Says it as soon as the other end listens. Whoever is gone is not told.
    func say(_ message: NodeMessage) async {
        guard let line = try? JSONLines.encode(message) else { return }
        try? await outbound.write(ByteBuffer(bytes: line))
    }

    /// Says it unless the other end is behind (Ctrl-Z); what comes later makes up for it.
    func offer(_ message: NodeMessage) async {
        if channel.isWritable { await say(message) }
    }
}

import AsyncHTTPClient
import Crypto
package import Logging
package import ManagerStore
import NIOPosix

/// The control plane: everything that its REST interface and its pages do, apart from HTTP.
package final class Manager: Sendable {
    package let configuration: ManagerConfiguration
    package let store: Store
    package let accounts: AccountService
    package let tokens: TokenService
    package let clusters: ClusterService
    package let jobs: JobService
    package let joinTokens: JoinTokenService
    package let fleet: FleetService
    package let providers: ProviderService
    package let audit: AuditLog
    package let logger: Logger
    private let hasher: PasswordHasher
    private let http: HTTPClient

    /// Makes a manager on a store that is open: puts in what an empty store begins with, and loads the key of tokens.
    /// Throws `ManagerError` for a configuration that cannot be, and `StoreError`.
    package init(
        _ configuration: ManagerConfiguration, store: Store, logger: Logger, images: (any ImageSource)? = nil
    ) async throws {
        let hasher = try PasswordHasher(parameters: configuration.passwords)
        try await Self.seed(store, configuration, hasher, logger)
        let keyBytes = try await store.write { try $0.settings.setIfAbsent("session-key", RandomBytes.make(32)) }
        self.configuration = configuration
        self.store = store
        self.logger = logger
        self.hasher = hasher
        let key = SymmetricKey(data: keyBytes)
        accounts = AccountService(store: store, hasher: hasher, key: key, configuration: configuration)
        tokens = TokenService(store: store)
        clusters = ClusterService(store: store)
        joinTokens = JoinTokenService(store: store)
        let vault = JobVault(sessionKey: key)
        fleet = FleetService(store: store, vault: vault, logger: logger)
        let sources = SourceRules(addresses: configuration.preheatSources)
        jobs = JobService(
            store: store, vault: vault,
            images: images
                ?? RegistryImages(
                    rules: sources.addresses, group: MultiThreadedEventLoopGroup.singleton, logger: logger),
            sources: sources)
        http = ProviderService.makeClient()
        providers = ProviderService(store: store, accounts: accounts, http: http, logger: logger)
        audit = AuditLog(
            store: store, limit: configuration.auditQueue, delay: configuration.auditDelay, logger: logger)
    }

    /// Writes what calls have left in the audit until the task is cancelled, and what is left then; looks after the fleet;
    /// removes old rows.
    package func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.audit.run() }
            group.addTask { await FleetWatch(self.fleet, logger: self.logger).run() }
            group.addTask { await Retention(store: self.store, jobs: self.jobs, logger: self.logger).run() }
        }
    }

    /// Ends what the manager started; the store stays open.
    package func shutDown() async {
        await hasher.shutDown()
        try? await http.shutdown()
    }

    private static func seed(
        _ store: Store, _ configuration: ManagerConfiguration, _ hasher: PasswordHasher, _ logger: Logger
    ) async throws {
        let password = configuration.initialRootPassword ?? ManagerConfiguration.defaultRootPassword
        guard ManagerConfiguration.passwordLength.contains(password.unicodeScalars.count) else {
            throw ManagerError("the initial root password must have 8 to 20 characters")
        }
        if let token = configuration.initialToken {
            guard (8...TokenValue.maximumLength).contains(token.utf8.count),
                token.utf8.allSatisfy({ (33..<127).contains($0) })
            else { throw ManagerError("the initial token must have 8 to 512 characters, without spaces") }
        }
        if try await store.needsSeed() {
            let seed = Seed(
                rootPasswordHash: try await hasher.hash(password), mustChangePassword: true,
                tokenHash: configuration.initialToken.map(TokenValue.hash), objects: APIObject.names)
            if try await store.seed(seed) {
                logger.info("store is new", metadata: ["account": "root", "database": "\(store.engine.rawValue)"])
            }
        }
        try await store.grantRoot(objects: APIObject.names)
    }
}

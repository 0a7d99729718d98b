import Crypto
package import ManagerStore
import MinionCore
import Synchronization

/// Accounts, their roles, and who is signed in.
package final class AccountService: Sendable {
    /// What somebody gets who signs in.
    package struct SignedIn: Sendable {
        package var token: String
        package var expires: Timestamp
        package var user: User
    }

    package struct NewAccount: Sendable {
        package var name: String
        package var password: String
        package var email = ""
        package var phone = ""
        package var avatar = ""
        package var location = ""
        package var bio = ""

        package init(name: String, password: String) {
            self.name = name
            self.password = password
        }
    }

    /// Where a request comes from.
    package struct Origin: Sendable {
        package var address: String
        package var agent: String

        package init(address: String, agent: String) {
            self.address = address
            self.agent = agent
        }
    }

    private let store: Store
    private let hasher: PasswordHasher
    private let key: SymmetricKey
    private let configuration: ManagerConfiguration
    private let guesses: Mutex<SignInGuard>
    private let start = ContinuousClock.now

    init(store: Store, hasher: PasswordHasher, key: SymmetricKey, configuration: ManagerConfiguration) {
        self.store = store
        self.hasher = hasher
        self.key = key
        self.configuration = configuration
        guesses = Mutex(SignInGuard(limits: configuration.signInLimits))
    }

    // MARK: Signing in

    /// Checks a password and begins a session. Throws `Refusal`, the same for whatever is wrong.
    package func signIn(name: String, password: String, from origin: Origin) async throws -> SignedIn {
        let signedIn = try await guarding(account: name, from: origin) {
            // Once more if the hash changes meanwhile: with the password, or because somebody else's sign-in renews it.
            for _ in 0..<2 {
                let user = try await store.read { try $0.users.named(name) }
                let verdict = try await hasher.check(password, against: user?.passwordHash)
                guard let user, verdict.isRight else { break }
                if let rehashed = verdict.rehashed {
                    try await store.write { try $0.users.rehash(user.id, from: user.passwordHash, to: rehashed) }
                }
                let hashes = [user.passwordHash, verdict.rehashed]
                let signedIn = try await begin(user, from: origin) { hashes.contains($0.passwordHash) }
                if let signedIn { return signedIn }
            }
            return nil as SignedIn?
        }
        guard let signedIn else { throw Refusal.unauthorized() }
        return signedIn
    }

    /// Begins a session of somebody whose identity has been established. Nil if the user has been disabled, or does not
    /// fit any more, by the time that it begins.
    package func begin(
        _ user: User, from origin: Origin, ifStill fits: @escaping @Sendable (User) -> Bool = { _ in true }
    ) async throws -> SignedIn? {
        let secret = Base64.encodeURL(RandomBytes.make(16))
        let now = Timestamp.now()
        let expires = now.advanced(by: configuration.tokenLifetime)
        let session = Session(
            id: Self.sessionID(secret), userID: user.id, createdAt: now, expiresAt: expires,
            address: origin.address.truncated(to: 256), agent: origin.agent.truncated(to: 256))
        let hasBegun = try await store.write { store in
            guard let now = try store.users.findIfAny(user.id), now.state == .enable, fits(now) else { return false }
            try store.sessions.start(session)
            return true
        }
        return hasBegun ? signedIn(user, secret: secret, now: now, expires: expires) : nil
    }

    private func signedIn(_ user: User, secret: String, now: Timestamp, expires: Timestamp) -> SignedIn {
        let token = SessionToken(userID: user.id, session: secret, expires: expires.seconds, issued: now.seconds)
        return SignedIn(
            token: token.signed(with: key), expires: Timestamp(microseconds: expires.seconds * 1_000_000), user: user)
    }

    /// Who a token names. Throws `Refusal` if it is not valid, has expired, or its session has ended.
    package func caller(token text: String) async throws -> Caller {
        let now = Timestamp.now()
        let token = try Self.reading { () throws(SessionToken.Failure) in
            try SessionToken.read(text, key: key, at: now.seconds)
        }
        let id = Self.sessionID(token.session)
        guard let found = try await store.read({ try $0.sessions.principal(id) }), found.session.userID == token.userID,
            found.principal.user.state == .enable
        else { throw Refusal.unauthorized() }
        return .user(found.principal, session: id)
    }

    /// Exchanges a token, which may have expired for a while, for a new one of the same session.
    package func renew(token text: String) async throws -> SignedIn {
        let token = try Self.reading { () throws(SessionToken.Failure) in try SessionToken.read(text, key: key) }
        let now = Timestamp.now()
        guard token.issued > now.advanced(by: .zero - configuration.renewalTime).seconds else {
            throw Refusal.unauthorized()
        }
        let id = Self.sessionID(token.session)
        let expires = now.advanced(by: configuration.tokenLifetime)
        let user = try await store.write { store in
            guard let found = try store.sessions.principal(id), found.session.userID == token.userID,
                found.principal.user.state == .enable
            else { return nil as User? }
            try store.sessions.renew(id, expiresAt: expires)
            return found.principal.user
        }
        guard let user else { throw Refusal.unauthorized() }
        return signedIn(user, secret: token.session, now: now, expires: expires)
    }

    /// Ends the session of a token, whatever the token's state.
    package func signOut(token text: String) async throws {
        guard let token = try? SessionToken.read(text, key: key) else { return }
        let id = Self.sessionID(token.session)
        try await store.write { try $0.sessions.end(id) }
    }

    private static func reading<Value>(_ read: () throws(SessionToken.Failure) -> Value) throws -> Value {
        do {
            return try read()
        } catch {
            switch error {
            case .invalid, .expired: throw Refusal.unauthorized()
            case .noExpiry: throw Refusal(.badRequest, "Bad Request")
            case .noUser: throw Refusal.unauthorized("Unavailable token: require user id")
            }
        }
    }

    /// The store knows sessions by this, so that what lies there opens nothing.
    private static func sessionID(_ secret: String) -> String { Hex.text(SHA256.hash(data: Array(secret.utf8))) }

    // MARK: Passwords

    /// Changes a password of somebody who knows the old one; ends the sessions. Throws `Refusal`.
    package func resetPassword(
        user id: Int64, old: String, new: String, from origin: Origin
    ) async throws {
        guard old != new else { throw Refusal.invalid("the new password is the old one") }
        let user = try await store.read { try $0.users.findIfAny(id) }
        let isChanged = try await guarding(account: user?.name ?? "#\(id)", from: origin) {
            let verdict = try await hasher.check(old, against: user?.passwordHash)
            guard let user, verdict.isRight, user.state == .enable else { return nil as Bool? }
            let hash = try await hasher.hash(new)
            return try await store.write { store in
                guard try store.users.find(id).passwordHash == user.passwordHash else { return nil }
                try store.users.setPassword(id, hash: hash, mustChange: false)
                return true
            }
        }
        if user == nil { throw Refusal.recordNotFound }
        guard isChanged != nil else { throw Refusal(.unauthorized, "Unauthorized") }
    }

    /// Runs a check of a password within the limits on guessing; `check` returns nil if it was wrong.
    private func guarding<Value>(
        account: String, from origin: Origin, _ check: () async throws -> Value?
    ) async throws -> Value? {
        let account = account.truncated(to: 256)
        if let wait = guesses.withLock({ $0.begin(account: account, address: origin.address, at: elapsed) }) {
            throw Refusal.tooManyTries(waitSeconds: wait.components.seconds + 1)
        }
        let value: Value?
        do {
            value = try await check()
        } catch {
            guesses.withLock { $0.abandoned(account: account, address: origin.address) }
            throw error
        }
        guesses.withLock { guesses in
            if value == nil {
                guesses.failed(account: account, address: origin.address, at: elapsed)
            } else {
                guesses.succeeded(account: account, address: origin.address, at: elapsed)
            }
        }
        return value
    }

    private var elapsed: Duration { ContinuousClock.now - start }

    // MARK: Accounts

    /// Makes an account that is a guest. Throws `Refusal` if `caller` may not; `StoreError.conflict`.
    package func signUp(_ account: NewAccount, by caller: Caller, from origin: Origin) async throws -> User {
        if !caller.may("*", .users) {
            guard configuration.signUp == .open else { throw Refusal(.forbidden, "sign-up is closed") }
            if let wait = guesses.withLock({ $0.signUp(address: origin.address, at: elapsed) }) {
                throw Refusal.tooManyTries(waitSeconds: wait.components.seconds + 1)
            }
        }
        let hash = try await hasher.hash(account.password)
        let user = User(
            name: account.name, email: account.email, passwordHash: hash, avatar: account.avatar, phone: account.phone,
            location: account.location, bio: account.bio)
        return try await insert(user)
    }

    /// Stores an account that is a guest.
    private func insert(_ user: User) async throws -> User {
        try await store.write { store in
            let user = try store.users.insert(user)
            try store.roles.assign("guest", to: user.id)
            return user
        }
    }

    /// The user that somebody is who has signed in elsewhere: the one that is linked, or a new one.
    package func user(of identity: ForeignIdentity) async throws -> User {
        if let user = try await store.read({
            try $0.identities.user(provider: identity.provider, subject: identity.subject)
        }) {
            return user
        }
        guard configuration.signUp == .open else { throw Refusal(.forbidden, "sign-up is closed") }
        return try await store.write { store in
            // Somebody may have been here first, from another request.
            if let user = try store.identities.user(provider: identity.provider, subject: identity.subject) {
                return user
            }
            let isEmailTaken =
                try identity.email.isEmpty || store.users.first(where: [.email: .text(identity.email)]) != nil
            let user = try store.users.insert(
                User(
                    name: try Self.freeName(like: identity.name, store), email: isEmailTaken ? "" : identity.email,
                    avatar: identity.avatar))
            try store.roles.assign("guest", to: user.id)
            try store.identities.link(provider: identity.provider, subject: identity.subject, user: user.id)
            return user
        }
    }

    private static func freeName(like wanted: String, _ store: Transaction) throws -> String {
        for number in 1...1000 {
            let name = number == 1 ? wanted : "\(wanted)-\(number)"
            if try store.users.named(name) == nil { return name }
        }
        throw StoreError.conflict(key: "users.name")
    }

    package func list(_ filter: [User.Column: SQLValue], _ page: Page) async throws -> Listing<User> {
        try await store.read { try $0.users.list(where: filter, page: page) }
    }

    package func find(_ id: Int64) async throws -> User { try await store.read { try $0.users.find(id) } }

    /// Changes a profile, and the state if one is given. Nobody changes their own state; a disabled user is signed out.
    package func update(
        _ id: Int64, _ changes: [User.Column: SQLValue], state: UserState?, by caller: Caller
    ) async throws -> User {
        if state != nil, caller.userID == id { throw Refusal(.conflict, "nobody changes their own state") }
        return try await store.write { store in
            let user = try store.users.update(id, set: changes)
            guard let state, state != user.state else { return user }
            return try store.users.setState(id, state)
        }
    }

    // MARK: Roles

    package func roles(of id: Int64) async throws -> [String] {
        try await store.read { store in
            _ = try store.users.find(id)
            return try store.roles.of(user: id)
        }
    }

    package func assign(_ role: String, to id: Int64) async throws {
        try await store.write { try $0.roles.assign(role, to: id) }
    }

    package func withdraw(_ role: String, from id: Int64) async throws {
        try await store.write { try $0.roles.withdraw(role, from: id) }
    }

    package func roleNames() async throws -> [String] { try await store.read { try $0.roles.names() } }

    package func permissions(of role: String) async throws -> [Permission] {
        try await store.read { try $0.roles.permissions(role) }
    }

    package func createRole(_ role: String, _ permissions: [Permission]) async throws {
        try await store.write { try $0.roles.create(role, permissions) }
    }

    package func deleteRole(_ role: String) async throws { try await store.write { try $0.roles.delete(role) } }

    package func grant(_ permission: Permission, to role: String) async throws {
        try await store.write { try $0.roles.grant(permission, to: role) }
    }

    package func revoke(_ permission: Permission, from role: String) async throws {
        try await store.write { try $0.roles.revoke(permission, from: role) }
    }
}

extension Timestamp {
    /// Whole seconds since 1970.
    var seconds: Int64 { microseconds / 1_000_000 }
}

extension String {
    /// At most so many Unicode scalars from the beginning.
    func truncated(to length: Int) -> String {
        unicodeScalars.count <= length ? self : String(String.UnicodeScalarView(unicodeScalars.prefix(length)))
    }
}

import Manager
import Testing

@Suite struct PasswordTests {
    private static let quick = PasswordHash.Parameters(logRounds: 4)

    @Test func hashHasItsParametersInIt() throws {
        let hash = try PasswordHash(of: "correct horse", Self.quick)
        #expect(hash.text.hasPrefix("$scrypt$ln=4,r=8,p=1$"))
        #expect(hash.salt.count == 16 && hash.hash.count == 32)
        #expect(!hash.text.contains("=$"))
        let read = try #require(PasswordHash(hash.text))
        #expect(read == hash)
        #expect(read.matches("correct horse"))
        #expect(!read.matches("correct horsf") && !read.matches(""))
    }

    /// RFC 7914, section 12.
    @Test func hashIsThatOfTheStandard() throws {
        let salt = "U29kaXVtQ2hsb3JpZGU"
        let hash = "cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw"
        let text = "$scrypt$ln=14,r=8,p=1$\(salt)$\(hash)"
        #expect(try #require(PasswordHash(text)).matches("pleaseletmein"))
    }

    @Test func theSamePasswordHasManyHashes() throws {
        #expect(try PasswordHash(of: "a", Self.quick).text != PasswordHash(of: "a", Self.quick).text)
    }

    @Test(arguments: [
        "", "x", "$scrypt$", "$scrypt$ln=4,r=8,p=1$$", "$bcrypt$ln=4,r=8,p=1$AAAA$AAAAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=40,r=8,p=1$AAAA$AAAAAAAAAAAAAAAAAAAAAAAA", "$scrypt$ln=4,r=8$AAAA$AAAAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=4,r=0,p=1$AAAA$AAAAAAAAAAAAAAAAAAAAAAAA", "$scrypt$ln=4,r=8,p=1$AAAA$AAAA",
        "$scrypt$ln=4,r=8,p=1$*$AAAAAAAAAAAAAAAAAAAAAAAA", "$scrypt$ln=x,r=8,p=1$AAAA$AAAAAAAAAAAAAAAAAAAAAAAA",
    ])
    func otherTextIsNoHash(_ text: String) { #expect(PasswordHash(text) == nil) }

    @Test func oldHashesAreMadeAnew() async throws {
        let hasher = try PasswordHasher(parameters: PasswordHash.Parameters(logRounds: 5))
        let old = try PasswordHash(of: "secret", Self.quick).text
        let verdict = try await hasher.check("secret", against: old)
        #expect(verdict.isRight)
        let anew = try #require(verdict.rehashed)
        #expect(anew.hasPrefix("$scrypt$ln=5,"))
        #expect(try await hasher.check("secret", against: anew).rehashed == nil)
        #expect(try await hasher.check("wrong", against: old).rehashed == nil)
        await hasher.shutDown()
    }

    @Test func nobodyHasNoPassword() async throws {
        let hasher = try PasswordHasher(parameters: Self.quick)
        for password in ["", "secret"] {
            #expect(try await !hasher.check(password, against: nil).isRight)
            #expect(try await !hasher.check(password, against: "").isRight)
        }
        await hasher.shutDown()
    }

    @Test func tooManyAtOnceAreRefused() async throws {
        let hasher = try PasswordHasher(parameters: PasswordHash.Parameters(logRounds: 12))
        let refused = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<200 {
                group.addTask {
                    do {
                        _ = try await hasher.hash("a")
                        return false
                    } catch { return error is PasswordHasher.Busy }
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(refused > 0 && refused < 200)
        await hasher.shutDown()
    }
}

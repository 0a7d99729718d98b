import Crypto
import FoundationEssentials
import Manager
import Testing

@Suite struct SessionTokenTests {
    private let key = SymmetricKey(data: Array("a key of no consequence, 32 byte".utf8))
    private let token = SessionToken(userID: 7, session: "abc", expires: 2000, issued: 1000)

    @Test func tokenIsAJWT() throws {
        let parts = token.signed(with: key).split(separator: ".")
        #expect(parts.count == 3)
        #expect(parts[0] == "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9")
        let json = String(decoding: try #require(decode(parts[1])), as: UTF8.self)
        let claims = try #require(try JSONParser.parse(json).object)
        #expect(claims["id"] == 7 && claims["exp"] == 2000 && claims["orig_iat"] == 1000)
        let code = HMAC<SHA256>.authenticationCode(for: Data("\(parts[0]).\(parts[1])".utf8), using: key)
        #expect(decode(parts[2]) == Data(code))
    }

    @Test func tokenIsReadUntilItExpires() throws {
        let text = token.signed(with: key)
        #expect(try SessionToken.read(text, key: key, at: 1999) == token)
        #expect(throws: SessionToken.Failure.expired) { try SessionToken.read(text, key: key, at: 2000) }
        #expect(try SessionToken.read(text, key: key) == token)
    }

    @Test func changedTokensAreInvalid() {
        let text = token.signed(with: key)
        let other = SymmetricKey(size: .bits256)
        #expect(throws: SessionToken.Failure.invalid) { try SessionToken.read(text, key: other, at: 0) }
        for index in text.indices where text[index] != "." {
            var changed = text
            changed.replaceSubrange(index...index, with: text[index] == "A" ? "B" : "A")
            // The last character of a part has bits that mean nothing.
            guard decodes(changed) != decodes(text) else { continue }
            #expect(throws: SessionToken.Failure.self) { try SessionToken.read(changed, key: key, at: 0) }
        }
    }

    @Test(arguments: [
        "", ".", "..", "a.b", "a.b.c", "a.b.c.d", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..",
        String(repeating: "a", count: 5000),
    ])
    func otherTextIsNoToken(_ text: String) {
        #expect(throws: SessionToken.Failure.invalid) { try SessionToken.read(text, key: key, at: 0) }
    }

    @Test func tokensWithoutASignatureAreInvalid() {
        let claims = #"{"id":1,"exp":9999999999}"#
        for header in [#"{"alg":"none"}"#, #"{"alg":"HS512"}"#, "{}"] {
            for signature in ["", "AA"] {
                let text = "\(encode(header)).\(encode(claims)).\(signature)"
                #expect(throws: SessionToken.Failure.invalid) { try SessionToken.read(text, key: key, at: 0) }
            }
        }
    }

    @Test(arguments: [
        (#"{"id":1}"#, SessionToken.Failure.noExpiry), (#"{"id":1,"exp":"soon"}"#, .noExpiry), (#"{"exp":9}"#, .noUser),
        (#"{"exp":9,"id":"1"}"#, .noUser), (#"{"exp":9,"id":0}"#, .noUser), (#"[]"#, .invalid),
    ])
    func missingClaimsAreTold(_ claims: String, _ failure: SessionToken.Failure) {
        let message = encode(#"{"alg":"HS256"}"#) + "." + encode(claims)
        let code = HMAC<SHA256>.authenticationCode(for: Data(message.utf8), using: key)
        let text = message + "." + encode(Data(code))
        #expect(throws: failure) { try SessionToken.read(text, key: key) }
    }

    private func encode(_ text: String) -> String { encode(Data(text.utf8)) }

    private func encode(_ data: Data) -> String {
        String(data.base64EncodedString().filter { $0 != "=" }.map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 })
    }

    private func decode(_ part: some StringProtocol) -> Data? {
        let text = String(part.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 })
        return Data(base64Encoded: text + String(repeating: "=", count: (4 - text.count % 4) % 4))
    }

    private func decodes(_ token: String) -> [Data?] { token.split(separator: ".").map(decode) }
}

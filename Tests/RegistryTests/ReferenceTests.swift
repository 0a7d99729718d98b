import Registry
import Testing

@Suite struct ReferenceTests {
    private static let digest = "sha256:" + String(repeating: "0a", count: 32)

    @Test(
        arguments: [
            (
                "https://index.docker.io/v2/library/alpine/manifests/3.19", "library/alpine", "3.19",
                "https://index.docker.io/v2/library/alpine/manifests/3.19"
            ),
            (
                "HTTP://Registry.Local:5000/v2/a/manifests/\(digest)", "a", digest,
                "http://registry.local:5000/v2/a/manifests/\(digest)"
            ),
            ("http://[0::1]:80/v2/a/b/c/manifests/x", "a/b/c", "x", "http://[::1]/v2/a/b/c/manifests/x"),
            (
                "https://h/artifactory/v2/a/manifests/manifests/v1?ns=docker.io", "a/manifests", "v1",
                "https://h/artifactory/v2/a/manifests/manifests/v1?ns=docker.io"
            ),
        ] as [(String, String, String, String)])
    func manifestsAreNamedByURLs(
        _ text: String, _ repository: String, _ reference: String, _ shown: String
    ) throws {
        let image = try ImageReference(text)
        #expect(image.repository == repository && image.reference == reference && image.description == shown)
    }

    @Test(arguments: [
        "", "alpine", "alpine:latest", "h/v2/a/manifests/b", "ftp://h/v2/a/manifests/b", "https:///v2/a/manifests/b",
        "https://h/v1/a/manifests/b", "https://h/v2/a/blobs/b", "https://h/v2//manifests/b", "https://h/v2/manifests/b",
        "https://h/v2/a/manifests/", "https://h/v2/../manifests/b", "https://h/v2/a//b/manifests/c",
        "https://h/v2/a%2f/manifests/b", "https://u:p@h/v2/a/manifests/b", "https://h/v2/a/manifests/b#c",
        "https://h/v2/a/manifests/sha256:00", "https://h/v2/a/manifests/.b", "https://h:0/v2/a/manifests/b",
        "https://h:70000/v2/a/manifests/b", "https://h /v2/a/manifests/b", "https://ä/v2/a/manifests/b",
        "https://h\\@g/v2/a/manifests/b", "https://1.2.3/v2/a/manifests/b", "https://0x7f.1/v2/a/manifests/b",
        "https://[fe80::1%25eth0]/v2/a/manifests/b", "https://h/v2/a/manifests/b\r\nX: y",
    ])
    func otherURLsAreNot(_ text: String) {
        let error = #expect(throws: RegistryError.self) { try ImageReference(text) }
        #expect(error?.description.hasPrefix("parse access url failed: ") == true)
        #expect(error?.description.contains("\n") == false && error?.description.contains("u:p@") == false)
    }

    @Test(arguments: [
        ("linux/amd64", "linux/amd64"), ("Linux/x86_64", "linux/amd64"), ("linux/aarch64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"), ("linux/arm/7", "linux/arm/v7"), ("linux/armhf", "linux/arm/v7"),
        ("windows/amd64/v2", "windows/amd64/v2"), ("linux/i386", "linux/386"),
    ])
    func platformsAreRead(_ text: String, _ shown: String) throws {
        #expect(try ImagePlatform(text).description == shown)
    }

    @Test(arguments: ["", "linux", "/", "linux/", "/amd64", "a/b/c/d", "linux/amd 64", "linux/\n", "linux//v8"])
    func otherTextsAreNoPlatforms(_ text: String) {
        let error = #expect(throws: RegistryError.self) { try ImagePlatform(text) }
        #expect(error?.description.hasPrefix("invalid platform format \"") == true)
        #expect(error?.description.contains("\n") == false)
    }
}

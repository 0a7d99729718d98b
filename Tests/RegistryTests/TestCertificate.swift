import NIOSSL

/// A self-signed certificate for the name `localhost` alone, good for a hundred years.
enum TestCertificate {
    static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBlTCCATugAwIBAgIULCSFlcRY1m5tpclxMHfDnX0yVJMwCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTAzNDEwOVoYDzIxMjYxMDI4
        MDM0MTA5WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAAT90RwcDl+Oe+JHvkjgI7xXU0ApdUEyh+rH1RVcbMkEXLTwkYFymIJL
        Q8YqXEzImGE2dTI6n68utPC98pcyUTLqo2kwZzAdBgNVHQ4EFgQU0j9xIYLYVWW/
        IiDmKS27lxe86ZcwHwYDVR0jBBgwFoAU0j9xIYLYVWW/IiDmKS27lxe86ZcwDwYD
        VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
        SAAwRQIhAOfSyCBC5AsdsMt1Zkskr0OJj2CLrAqU037mtdXy8LbSAiBWT0OUQObN
        EhF8jtyWcJNrfbtt8be4RmufTjQU79XNzw==
        -----END CERTIFICATE-----
        """

    /// Of no use to anybody but these tests.
    static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgkxB+uO/MNFoy3rlT
        HyY0WtP8FEByiRU5XsCkryz6/5KhRANCAAT90RwcDl+Oe+JHvkjgI7xXU0ApdUEy
        h+rH1RVcbMkEXLTwkYFymIJLQ8YqXEzImGE2dTI6n68utPC98pcyUTLq
        -----END PRIVATE KEY-----
        """

    static func serverContext() throws -> NIOSSLContext {
        try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8)).map { .certificate($0) },
                privateKey: .privateKey(NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem))))
    }
}

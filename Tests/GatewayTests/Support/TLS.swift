import NIOSSL

extension TLSConfiguration {
    /// Trusts one authority, given as a PEM file.
    static func forTests(authorityFile: String) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .file(authorityFile)
        return configuration
    }
}

import Crypto
import Foundation
import NIOSSL
import SwiftASN1
import X509

/// A certificate authority made for one test, and a server certificate of it.
struct TestCertificates {
    /// A file with the authority's certificate; removed by ``remove()``.
    let caFile: String
    private let configuration: TLSConfiguration

    init(host: String, protocols: [String]) throws {
        let caKey = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let caName = try DistinguishedName { CommonName("Test authority \(UUID().uuidString)") }
        let from = Date().addingTimeInterval(-3600)
        let until = Date().addingTimeInterval(86_400)
        let authority = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: caKey.publicKey, notValidBefore: from, notValidAfter: until,
            issuer: caName, subject: caName, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                Critical(KeyUsage(keyCertSign: true))
            }, issuerPrivateKey: caKey)
        let serverKey = P256.Signing.PrivateKey()
        let name: GeneralName =
            host == "127.0.0.1" ? .ipAddress(ASN1OctetString(contentBytes: [127, 0, 0, 1])) : .dnsName(host)
        let server = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(serverKey.publicKey), notValidBefore: from,
            notValidAfter: until, issuer: caName, subject: try DistinguishedName { CommonName("Test server") },
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                SubjectAlternativeNames([name])
            }, issuerPrivateKey: caKey)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: [
                .certificate(try NIOSSLCertificate(bytes: Array(server.serializeAsPEM().pemString.utf8), format: .pem))
            ],
            privateKey: .privateKey(
                try NIOSSLPrivateKey(bytes: Array(serverKey.pemRepresentation.utf8), format: .pem)))
        configuration.applicationProtocols = protocols
        self.configuration = configuration
        caFile = FileManager.default.temporaryDirectory.appendingPathComponent("ca-\(UUID().uuidString).pem").path
        try authority.serializeAsPEM().pemString.write(toFile: caFile, atomically: true, encoding: .utf8)
    }

    func remove() { try? FileManager.default.removeItem(atPath: caFile) }

    func transport(isHTTP2: Bool) throws -> StubServer.Transport {
        let context = try NIOSSLContext(configuration: configuration)
        return .tls({ NIOSSLServerHandler(context: context) }, isHTTP2: isHTTP2)
    }
}

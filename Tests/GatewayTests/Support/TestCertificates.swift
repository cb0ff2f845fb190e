import Crypto
import Foundation
import SwiftASN1
import X509

/// A certificate authority and a certificate for 127.0.0.1, as PEM files.
struct TestCertificates: Sendable {
    let authorityFile: String
    let certificateFile: String
    let keyFile: String
    private let folder = TemporaryFolder()

    init() throws {
        let authorityKey = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let authorityName = try DistinguishedName { CommonName("Test authority \(UUID().uuidString)") }
        let from = Date().addingTimeInterval(-3600)
        let until = Date().addingTimeInterval(86_400)
        let authority = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: authorityKey.publicKey, notValidBefore: from,
            notValidAfter: until, issuer: authorityName, subject: authorityName, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                Critical(KeyUsage(keyCertSign: true))
            }, issuerPrivateKey: authorityKey)
        let serverKey = P256.Signing.PrivateKey()
        let server = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(serverKey.publicKey), notValidBefore: from,
            notValidAfter: until, issuer: authorityName, subject: try DistinguishedName { CommonName("Test gateway") },
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                SubjectAlternativeNames([.ipAddress(ASN1OctetString(contentBytes: [127, 0, 0, 1]))])
            }, issuerPrivateKey: authorityKey)
        authorityFile = folder.path("authority.pem")
        certificateFile = folder.path("certificate.pem")
        keyFile = folder.path("key.pem")
        try authority.serializeAsPEM().pemString.write(toFile: authorityFile, atomically: true, encoding: .utf8)
        try server.serializeAsPEM().pemString.write(toFile: certificateFile, atomically: true, encoding: .utf8)
        try serverKey.pemRepresentation.write(toFile: keyFile, atomically: true, encoding: .utf8)
    }

    func remove() { folder.remove() }
}

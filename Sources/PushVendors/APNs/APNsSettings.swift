import Crypto
import PushCore

/// A tenant's APNs credential: a token signing key of a team, for one app.
struct APNsSettings: VendorSettings {
    static let vendor = Vendor.apns

    let keyID: String
    let teamID: String
    /// The bundle id; suffixes for special push types are added to it.
    let topic: String
    /// The world that tokens belong to which do not say.
    /// Where the credential is checked. A push goes where its token's own environment says, which is production where
    /// the app registered it without one.
    let environment: PushToken.Environment
    let key: P256.Signing.PrivateKey
    let common: CommonSettings

    init(reading settings: RawJSON, policy: EndpointPolicy) throws(GatewayError) {
        var reader = SettingsReader(settings)
        keyID = reader.identifier("keyId", count: 10)
        teamID = reader.identifier("teamId", count: 10)
        topic = reader.identifier("topic")
        let name = reader.optionalString("environment") ?? PushToken.Environment.production.rawValue
        let environment = PushToken.Environment(rawValue: name)
        if environment == nil { reader.fault("environment", "must be production or sandbox") }
        self.environment = environment ?? .production
        let pem = reader.string("privateKey", bytesMax: 4096)
        let key = try? P256.Signing.PrivateKey(pemRepresentation: pem)
        if key == nil, !pem.isEmpty { reader.fault("privateKey", "is not a P-256 private key in PEM form") }
        // HTTP/2 is only spoken over TLS here, so plain http is out even where private addresses are allowed.
        common = CommonSettings(&reader, policy: policy, secureOnly: true)
        try reader.finish()
        guard let key else { throw .invalid("/privateKey", "is required") }
        self.key = key
    }

    var stored: RawJSON {
        .object { writer in
            writeFields(into: &writer)
            writer.member("privateKey", key.pemRepresentation)
        }
    }

    var publicFields: RawJSON { .object { writeFields(into: &$0) } }

    private func writeFields(into writer: inout JSONWriter) {
        writer.member("keyId", keyID)
        writer.member("teamId", teamID)
        writer.member("topic", topic)
        writer.member("environment", environment.rawValue)
        common.write(into: &writer)
    }

    var tenantURLs: [(pointer: String, url: EndpointURL)] { common.endpoint.map { [("/endpoint", $0)] } ?? [] }

    func makeSender(in surroundings: SenderSurroundings) -> any VendorSender {
        APNsSender(settings: self, surroundings: surroundings)
    }
}

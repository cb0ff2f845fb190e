import CryptoExtras
import PushCore

/// A tenant's FCM credential: a Google service account.
struct FCMSettings: VendorSettings {
    static let vendor = Vendor.fcm

    let projectID: String
    let clientEmail: String
    let keyID: String?
    let key: _RSA.Signing.PrivateKey
    /// Where the assertion is changed for an access token, and its `aud`.
    let tokenURL: EndpointURL
    /// Whether `token_uri` was there; Google's own otherwise.
    private let tokenURLIsTenants: Bool
    private let serviceAccount: RawJSON
    let common: CommonSettings

    private static let googleTokenURL = "https://oauth2.googleapis.com/token"

    init(reading settings: RawJSON, policy: EndpointPolicy) throws(GatewayError) {
        var reader = SettingsReader(settings)
        common = CommonSettings(&reader, policy: policy)
        guard let account = reader.object("serviceAccount") else {
            try reader.finish()
            throw .invalid("/serviceAccount", "is required")
        }
        var inner = SettingsReader(account)
        projectID = inner.identifier("project_id", characters: SettingsReader.plainCharacters.union([":"]))
        clientEmail = inner.string("client_email")
        keyID = inner.optionalString("private_key_id")
        let pem = inner.string("private_key", bytesMax: 16_384)
        let key = try? _RSA.Signing.PrivateKey(pemRepresentation: pem)
        if key == nil, !pem.isEmpty { inner.fault("private_key", "is not an RSA private key of 2048 bits or more") }
        let tokenURI = inner.optionalString("token_uri", bytesMax: EndpointURL.bytesMax)
        tokenURLIsTenants = tokenURI != nil && tokenURI != Self.googleTokenURL
        let tokenURL = inner.url("token_uri", text: tokenURI ?? Self.googleTokenURL, policy: policy)
        for fault in inner.faults { reader.fault("serviceAccount" + fault.pointer, fault.detail) }
        try reader.finish()
        guard let key, let tokenURL else { throw .invalid("/serviceAccount", "is not usable") }
        self.key = key
        self.tokenURL = tokenURL
        serviceAccount = account
    }

    var stored: RawJSON {
        .object { writer in
            writer.member("serviceAccount", serviceAccount)
            common.write(into: &writer)
        }
    }

    var publicFields: RawJSON {
        .object { writer in
            writer.member("projectId", projectID)
            writer.member("clientEmail", clientEmail)
            common.write(into: &writer)
        }
    }

    var tokenTrust: OutboundClient.Trust { tokenURLIsTenants ? .tenant : .vendor }

    var tenantURLs: [(pointer: String, url: EndpointURL)] {
        var found: [(pointer: String, url: EndpointURL)] = []
        if let endpoint = common.endpoint { found.append(("/endpoint", endpoint)) }
        if tokenURLIsTenants { found.append(("/serviceAccount/token_uri", tokenURL)) }
        return found
    }

    func makeSender(in surroundings: SenderSurroundings) -> any VendorSender {
        FCMSender(settings: self, surroundings: surroundings)
    }
}

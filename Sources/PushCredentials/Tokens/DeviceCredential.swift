/// What a device's credential says: the claims of the JWT that a device gets at registration.
///
/// Over HTTP it is a Bearer token; over MQTT it is the password, beside the client id `device` and the user name
/// `account`.
public struct DeviceCredential: Codable, Sendable, Equatable {
    /// `iss` of every credential of a gateway.
    public static let defaultIssuer = "pushgate"
    /// The audiences of every device credential.
    public static let httpAudience = "pushgate-http"
    public static let mqttAudience = "pushgate-mqtt"

    /// Topic rules in the object form that EMQX reads (`acl` claim): what is in no list is refused. The plugin for
    /// Mosquitto derives the same rules from the ids.
    public struct TopicRules: Codable, Sendable, Equatable {
        public let pub: [String]
        public let sub: [String]
        public let all: [String]

        public init(account: String, device: String, tenant: String) {
            pub = ["up/\(device)/+"]
            sub = ["account/\(account)", "device/\(device)", "tenant/\(tenant)/broadcast"]
            all = []
        }
    }

    public let issuer: String
    public let account: String
    public let device: String
    public let tenant: String
    public let audience: [String]
    /// Seconds since 1970.
    public let issuedAt: Int64
    /// Seconds since 1970; the credential is good before this second.
    public let expiresAt: Int64
    public let acl: TopicRules

    enum CodingKeys: String, CodingKey {
        case issuer = "iss"
        case account = "sub"
        case device = "did"
        case tenant = "ten"
        case audience = "aud"
        case issuedAt = "iat"
        case expiresAt = "exp"
        case acl
    }

    /// A credential for both doors. Times are seconds since 1970.
    public init(
        account: String, device: String, tenant: String, issuedAt: Int64, expiresAt: Int64,
        issuer: String = DeviceCredential.defaultIssuer,
        audience: [String] = [DeviceCredential.httpAudience, DeviceCredential.mqttAudience]
    ) {
        self.issuer = issuer
        self.account = account
        self.device = device
        self.tenant = tenant
        self.audience = audience
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
        self.acl = TopicRules(account: account, device: device, tenant: tenant)
    }

    /// The claims in alphabetical order, as the generic encoder would write them.
    var json: [UInt8] {
        var text = JSONText()
        text.object { text in
            text.object("acl") { text in
                text.member("all", acl.all)
                text.member("pub", acl.pub)
                text.member("sub", acl.sub)
            }
            text.member("aud", audience)
            text.member("did", device)
            text.member("exp", expiresAt)
            text.member("iat", issuedAt)
            text.member("iss", issuer)
            text.member("sub", account)
            text.member("ten", tenant)
        }
        return text.bytes
    }
}

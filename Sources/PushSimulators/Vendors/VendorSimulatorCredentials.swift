import Crypto
import CryptoExtras
import Foundation

extension VendorSimulator {
    /// Credentials that the simulator made for itself, in the form in which the vendors' consoles give them
    /// out. They are worth nothing anywhere else.
    public struct Credentials: Sendable {
        /// The APNs signing key, PKCS#8 PEM, as in a `.p8` file.
        public let apnsPrivateKey: String
        public let apnsKeyId: String
        public let apnsTeamId: String
        public let apnsTopic: String
        /// The FCM service account, a JSON object; its `token_uri` is the simulator's, over HTTPS.
        public let fcmServiceAccount: String
        /// `whsec_` and 32 bytes in base64.
        public let webhookSecret: String
        /// Huawei's app: `appId` is its OAuth client id and in the path of v1, `projectId` in that of v2.
        public let huawei: HuaweiApp
        /// A second app, whose access tokens are not good for the first one.
        public let huaweiOther: HuaweiApp
        public let honor: HonorApp
        /// A second app, whose access tokens are not good for the first one.
        public let honorOther: HonorApp
        public let xiaomiPackageName: String
        public let xiaomiAppSecret: String
        public let meizuAppId: String
        public let meizuAppSecret: String
        let bodies: [SimulatedVendor: String]
        let plainBodies: [SimulatedVendor: String]

        /// The body for `PUT /v1/settings/push/{vendor}`.
        ///
        /// - Parameter plainHTTP: with `http://` URLs instead of `https://`, for those vendors that may have them
        ///   (APNs never has).
        public func settings(for vendor: SimulatedVendor, plainHTTP: Bool = false) -> String {
            (plainHTTP ? plainBodies[vendor] : nil) ?? bodies[vendor] ?? "{}"
        }
    }
}

extension VendorSimulator.Credentials {
    /// An app in AppGallery Connect.
    public struct HuaweiApp: Sendable {
        public let appId: String
        public let projectId: String
        public let clientSecret: String
    }

    /// An app in HONOR's console.
    public struct HonorApp: Sendable {
        public let appId: String
        public let clientId: String
        public let clientSecret: String
    }
}

/// The keys behind ``VendorSimulator/Credentials``, made before the ports are known.
struct CredentialKeys {
    static let apnsKeyId = "SIMKEY0001"
    static let apnsTeamId = "SIMTEAM001"
    let apns = P256.Signing.PrivateKey()
    /// Made once in a process: it takes long, above all in a debug build.
    private static let rsaKey = Result { try _RSA.Signing.PrivateKey(keySize: .bits2048) }
    let fcm: _RSA.Signing.PrivateKey
    let fcmKeyId: String
    let fcmClientEmail: String
    let webhook: Data
    let huawei: [VendorSimulator.Credentials.HuaweiApp]
    let honor: [VendorSimulator.Credentials.HonorApp]
    let xiaomiSecret: String
    let meizuAppId = "110001"
    let meizuSecret: String

    private static func hex(bits: Int) -> String {
        SymmetricKey(size: .init(bitCount: bits)).withUnsafeBytes { bytes in
            bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
    }
    let oppo = OPPOCredentials()
    let vivo = VivoCredentials()
    let wns = WNSCredentials()

    init(project: String) throws {
        fcm = try Self.rsaKey.get()
        fcmKeyId = Self.hex(bits: 160)
        huawei = ["100000001", "100000002"].map {
            .init(appId: $0, projectId: "7365180000\($0)", clientSecret: Self.hex(bits: 256))
        }
        honor = ["104400001", "104400002"].map {
            .init(appId: $0, clientId: Self.hex(bits: 128), clientSecret: Self.hex(bits: 256))
        }
        xiaomiSecret = Self.hex(bits: 128)
        meizuSecret = Self.hex(bits: 128)
        fcmClientEmail = "sender@\(project).iam.gserviceaccount.com"
        webhook = SymmetricKey(size: .bits256).withUnsafeBytes { Data($0) }
    }

    func credentials(
        _ configuration: VendorSimulator.Configuration, apnsBase: String, httpsBase: String, httpBase: String,
        wnsBase: String
    ) -> VendorSimulator.Credentials {
        let topic = configuration.apnsTopics.first ?? ""
        let secret = "whsec_" + webhook.base64EncodedString()
        let apnsBody: JSONValue = [
            "keyId": .string(Self.apnsKeyId), "teamId": .string(Self.apnsTeamId),
            "privateKey": .string(apns.pemRepresentation), "topic": .string(topic), "environment": "production",
            "endpoint": .string(apnsBase),
        ]
        func account(_ base: String) -> JSONValue {
            [
                "type": "service_account", "project_id": .string(configuration.fcmProject),
                "private_key_id": .string(fcmKeyId), "private_key": .string(fcm.pkcs8PEMRepresentation + "\n"),
                "client_email": .string(fcmClientEmail), "client_id": "100000000000000000001",
                "token_uri": .string("\(base)/token"),
            ]
        }
        func bodies(_ base: String, wnsBase: String) -> [SimulatedVendor: String] {
            [
                .oppo: oppo.settings(endpoint: base).text,
                .vivo: vivo.settings(endpoint: base).text,
                .webpush: JSONValue.object(["subject": "mailto:push@example.com"]).text,
                .wns: wns.settings(endpoint: wnsBase).text,
                .apns: apnsBody.text,
                .fcm: JSONValue.object(["serviceAccount": account(base), "endpoint": .string(base)]).text,
                .huawei: JSONValue.object([
                    "projectId": .string(huawei[0].projectId), "clientId": .string(huawei[0].appId),
                    "clientSecret": .string(huawei[0].clientSecret), "appId": .string(huawei[0].appId),
                    "endpoint": .string(base),
                ]).text,
                .honor: JSONValue.object([
                    "appId": .string(honor[0].appId), "clientId": .string(honor[0].clientId),
                    "clientSecret": .string(honor[0].clientSecret), "endpoint": .string(base),
                ]).text,
                .xiaomi: JSONValue.object([
                    "packageName": .string(configuration.xiaomiPackageName), "appSecret": .string(xiaomiSecret),
                    "region": "cn", "endpoint": .string(base),
                ]).text,
                .meizu: JSONValue.object([
                    "appId": .string(meizuAppId), "appSecret": .string(meizuSecret), "endpoint": .string(base),
                ]).text,
                .webhook: JSONValue.object(["url": .string("\(base)/webhook/push"), "secret": .string(secret)]).text,
            ]
        }
        return VendorSimulator.Credentials(
            apnsPrivateKey: apns.pemRepresentation, apnsKeyId: Self.apnsKeyId, apnsTeamId: Self.apnsTeamId,
            apnsTopic: topic, fcmServiceAccount: account(httpsBase).text, webhookSecret: secret,
            huawei: huawei[0], huaweiOther: huawei[1], honor: honor[0], honorOther: honor[1],
            xiaomiPackageName: configuration.xiaomiPackageName, xiaomiAppSecret: xiaomiSecret, meizuAppId: meizuAppId,
            meizuAppSecret: meizuSecret,
            bodies: bodies(httpsBase, wnsBase: wnsBase), plainBodies: bodies(httpBase, wnsBase: httpBase))
    }
}

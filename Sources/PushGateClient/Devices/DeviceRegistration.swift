/// What an installation tells the gateway about itself.
public struct DeviceRegistration: Sendable, Hashable {
    public enum OSType: Int, Sendable {
        case iOS = 1
        case android = 2
        case web = 3
        case windows = 4
        case unknown = -1
    }

    /// Where a vendor reaches this installation.
    public struct PushToken: Sendable, Hashable {
        /// `apns` `fcm` `webpush` `huawei` `honor` `xiaomi` `oppo` `vivo` `meizu` `wns` `webhook`.
        public var vendor: String
        public var token: String
        /// An APNs VoIP token: rings for calls only.
        public var isVoIP: Bool
        /// APNs' sandbox, for builds made with a development profile.
        public var isSandbox: Bool

        public init(vendor: String, token: String, isVoIP: Bool = false, isSandbox: Bool = false) {
            self.vendor = vendor
            self.token = token
            self.isVoIP = isVoIP
            self.isSandbox = isSandbox
        }

        /// An element of `pushTokens`.
        public var json: JSONValue {
            [
                "vendor": .string(vendor), "token": .string(token), "kind": isVoIP ? "voip" : "alert",
                "environment": isSandbox ? "sandbox" : "production",
            ]
        }
    }

    /// Names this installation, and stays the same as long as it does.
    public var uniqueCode: String
    /// `nil`: the one in the signature.
    public var userID: String?
    public var osType: OSType
    /// In order of preference.
    public var pushTokens: [PushToken]
    public var isPushEnabled = true
    /// `brand`, `model`, `osVersion`, `appVersion`, `sdkVersion`, `language`, `timezone`.
    public var device: JSONValue?
    /// Only where the app's registration is open.
    public var appID: String?

    public init(uniqueCode: String, userID: String?, osType: OSType, pushTokens: [PushToken] = []) {
        self.uniqueCode = uniqueCode
        self.userID = userID
        self.osType = osType
        self.pushTokens = pushTokens
    }

    /// The body of `POST /v1/devices`.
    public var json: JSONValue {
        .object([
            "appId": appID.map { .string($0) }, "uniqueCode": .string(uniqueCode),
            "userId": userID.map { .string($0) }, "osType": JSONValue(osType.rawValue),
            "pushTokens": pushTokens.isEmpty ? nil : .array(pushTokens.map(\.json)),
            "pushEnabled": isPushEnabled ? nil : false, "device": device,
        ])
    }
}

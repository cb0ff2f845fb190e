/// The operating system of an installation (contract, section 4, Devices). The raw value is the public integer.
public enum OSType: Int, Sendable, CaseIterable {
    case unknown = -1
    case ios = 1
    case android = 2
    case web = 3
    case windows = 4

    public var name: String {
        switch self {
        case .unknown: "UNKNOWN"
        case .ios: "IOS"
        case .android: "ANDROID"
        case .web: "WEB"
        case .windows: "WINDOWS"
        }
    }

    init?(_ value: RawJSON) {
        if let integer = value.integer {
            self.init(rawValue: Int(clamping: integer))
        } else if let name = value.string, let match = Self.allCases.first(where: { $0.name == name }) {
            self = match
        } else {
            return nil
        }
    }
}

/// One installation, as the registry keeps it. Ended rows stay as history.
public struct Device: Sendable {
    public enum Status: String, Sendable { case active, deregistered, moved }

    public let key: DeviceKey
    public let deviceID: String
    public let tenantKey: TenantKey
    public let account: AccountRef
    public let userID: String
    public let uniqueCode: String
    public let osType: OSType
    public let status: Status
    public let pushEnabled: Bool
    public let tokens: [PushToken]
    /// `brand`, `model` … as sent, a JSON object.
    public let info: RawJSON
    public let registeredAt: Milliseconds
    public let lastSeenAt: Milliseconds
    public let endedAt: Milliseconds?
    /// The inbox head when it registered: what is older may be synced, and is never pushed.
    public let startSeq: Int64

    public init(
        key: DeviceKey, deviceID: String, tenantKey: TenantKey, account: AccountRef, userID: String,
        uniqueCode: String, osType: OSType, status: Status, pushEnabled: Bool, tokens: [PushToken], info: RawJSON,
        registeredAt: Milliseconds, lastSeenAt: Milliseconds, endedAt: Milliseconds?, startSeq: Int64
    ) {
        self.key = key
        self.deviceID = deviceID
        self.tenantKey = tenantKey
        self.account = account
        self.userID = userID
        self.uniqueCode = uniqueCode
        self.osType = osType
        self.status = status
        self.pushEnabled = pushEnabled
        self.tokens = tokens
        self.info = info
        self.registeredAt = registeredAt
        self.lastSeenAt = lastSeenAt
        self.endedAt = endedAt
        self.startSeq = startSeq
    }

    /// `device.language` as it was registered, a tag as `zh-Hant-TW`.
    public var languageTag: String? { info.object?["language"]?.string }

    public func write(into writer: inout JSONWriter, tenantNo: String) {
        writer.object { writer in
            writer.member("deviceId", deviceID)
            writer.member("account", account.id)
            writer.member("userId", userID)
            writer.member("tenantNo", tenantNo)
            writer.member("uniqueCode", uniqueCode)
            writer.member("osType", osType.rawValue)
            writer.member("pushEnabled", pushEnabled)
            writer.array("pushTokens") { writer in
                for token in tokens {
                    writer.object { writer in
                        writer.member("vendor", token.vendor.rawValue)
                        writer.member("kind", token.kind.rawValue)
                        writer.member("environment", token.environment.rawValue)
                        writer.member("token", token.fingerprint)
                    }
                }
            }
            writer.member("device", info)
            writer.member("registeredAt", registeredAt)
            writer.member("lastSeenAt", lastSeenAt)
        }
    }
}

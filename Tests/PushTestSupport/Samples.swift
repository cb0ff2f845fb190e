import PushCore

// Values that many tests need, with one thing changed at a time.

extension Tenant {
    public static let sample = Tenant(key: TenantKey(rawValue: 1), tenantNo: "acme", name: "Acme", createdAt: 0)
}

extension DeviceIdentity {
    public static func sample(device: Int64 = 1, account: Int64 = 1) -> DeviceIdentity {
        DeviceIdentity(
            key: DeviceKey(rawValue: device), deviceID: "dev_\(device)",
            account: AccountRef(key: AccountKey(rawValue: account), id: "acct_\(account)"), userID: "user\(account)",
            tenant: .sample)
    }
}

extension App {
    public static func sample(scopes: Set<Scope> = Set(Scope.allCases)) -> App {
        App(
            key: AppKey(rawValue: 1), appID: "app_1", sdkAppID: 1_400_000_001, tenantKey: Tenant.sample.key,
            name: "Shop", scopes: scopes, registration: .signed, isEnabled: true, tencentAdmins: [], secretHash: "",
            secretGeneration: 1, signingKey: "key", createdAt: 0)
    }
}

extension Principal {
    public static let sampleApp = Principal.app(
        AppIdentity(app: .sample(), tenant: .sample, scopes: Set(Scope.allCases)))
    public static let sampleDevice = Principal.device(.sample())
}

extension RawJSON {
    /// JSON that a test writes down; a mistake in it ends the test.
    public static func json(_ text: String) throws -> RawJSON { try RawJSON(parsing: Array(text.utf8)) }
}

extension ArchivedMessage {
    public static func sample(
        form: AddressForm = .single, type: MessageType = .text, content: RawJSON? = nil, push: String? = nil,
        isBackground: Bool = false, timeToLive: Int64? = nil, state: State = .live, serverTime: Milliseconds = 1000
    ) throws -> ArchivedMessage {
        ArchivedMessage(
            key: MessageKey(rawValue: 1), tenantKey: Tenant.sample.key, tenantNo: "acme", id: "m-1", form: form,
            from: "acct_a", to: form == .group ? "team" : "acct_b", target: nil, type: type,
            content: try content ?? .json(#"{"text":"hi"}"#), timestamp: 5, isBackground: isBackground,
            serverTime: serverTime, revision: 0, timeToLiveSeconds: timeToLive, state: state,
            push: PushOptions(archived: try push.map { try .json($0) }))
    }
}

extension Device {
    public static func sample(
        status: Status = .active, pushEnabled: Bool = true,
        tokens: [PushToken] = [PushToken(vendor: .fcm, token: "token-1")]
    ) -> Device {
        Device(
            key: DeviceKey(rawValue: 1), deviceID: "dev_1", tenantKey: Tenant.sample.key,
            account: AccountRef(key: AccountKey(rawValue: 2), id: "acct_b"), userID: "bob", uniqueCode: "code",
            osType: .android, status: status, pushEnabled: pushEnabled, tokens: tokens, info: .emptyObject,
            registeredAt: 0, lastSeenAt: 0, endedAt: nil, startSeq: 0)
    }
}

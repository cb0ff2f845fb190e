import PushCredentials

/// Where devices find the broker, as registration tells them.
public struct BrokerAddress: Sendable {
    public var host: String
    public var port: Int
    public var isTLS: Bool
    public var websocketPort: Int?

    public init(host: String, port: Int, isTLS: Bool, websocketPort: Int?) {
        self.host = host
        self.port = port
        self.isTLS = isTLS
        self.websocketPort = websocketPort
    }
}

/// What must happen outside the store when devices change, before the answer is given.
public protocol DeviceChanges: Sendable {
    /// Tokens, the push switch or bindings have changed on disk: no vendor request begins on what was read before.
    func devicesChanged() async
    /// From here on the broker refuses these devices and closes their sessions.
    func devicesEnded(_ deviceIDs: [String]) async
}

/// Registers devices and lets them change and leave (contract, sections 3 and 4).
public struct DeviceRegistry: Sendable {
    private let devices: any DeviceStore
    private let authenticator: Authenticator
    private let signer: DeviceCredentialSigner
    private let changes: any DeviceChanges
    private let limits: Limits
    private let clock: WallClock

    public init(
        devices: any DeviceStore, authenticator: Authenticator, signer: DeviceCredentialSigner,
        changes: any DeviceChanges, limits: Limits, clock: WallClock
    ) {
        self.devices = devices
        self.authenticator = authenticator
        self.signer = signer
        self.changes = changes
        self.limits = limits
        self.clock = clock
    }

    /// Registers a device with its user's signature, or openly where the app allows it.
    public func register(
        _ body: RawJSON, signature: String?, broker: BrokerAddress
    ) async throws -> (answer: RawJSON, isNew: Bool) {
        let draft = try DeviceDraft(parsing: body, limits: limits)
        let registrant = try authenticator.registrant(signature: signature, openAppID: draft.appID)
        if let signed = registrant.userID, let named = draft.userID, signed != named {
            throw GatewayError(.forbidden, "userId is not the signed one.")
        }
        guard let uniqueCode = draft.uniqueCode else {
            throw GatewayError.invalid("/uniqueCode", "This is required.")
        }
        guard let userID = registrant.userID ?? draft.userID, IDRules.isUserID(userID) else {
            throw GatewayError.invalid("/userId", "A valid user is required.")
        }
        let now = clock.now
        let outcome = try await devices.register(
            Registration(
                tenant: registrant.tenant, app: registrant.app.key, isSigned: signature != nil,
                signedAt: registrant.signedAt, userID: userID, uniqueCode: uniqueCode, draft: draft),
            at: now)
        await changes.devicesChanged()
        if !outcome.endedDevices.isEmpty { await changes.devicesEnded(outcome.endedDevices) }
        let identity = outcome.identity
        let (credential, expiresAt) = try issueCredential(for: identity, now: now)
        let answer = RawJSON.object { writer in
            writer.member("account", identity.account.id)
            writer.member("deviceId", identity.deviceID)
            writer.member("userId", identity.userID)
            writer.member("tenantNo", identity.tenant.tenantNo)
            writer.member("credential", credential)
            writer.member("credentialExpiresAt", expiresAt)
            writer.object("im") { writer in
                writer.member("host", broker.host)
                writer.member("port", broker.port)
                writer.member("tls", broker.isTLS)
                if let port = broker.websocketPort {
                    writer.member("websocketPort", port)
                } else {
                    writer.null("websocketPort")
                }
                writer.member("clientId", identity.deviceID)
                writer.member("username", identity.account.id)
            }
            writer.object("topics") { writer in
                writer.member("inbox", Topics.inbox(account: identity.account.id))
                writer.member("broadcast", Topics.broadcast(tenantNo: identity.tenant.tenantNo))
                writer.member("reply", Topics.reply(deviceID: identity.deviceID))
                writer.member("up", Topics.up(deviceID: identity.deviceID))
            }
            writer.member("seq", outcome.seq)
            writer.member("broadcastSeq", outcome.broadcastSeq)
        }
        return (answer, outcome.isNew)
    }

    private func issueCredential(
        for identity: DeviceIdentity, now: Milliseconds
    ) throws -> (token: String, expiresAt: Milliseconds) {
        let issuedAt = now / 1000
        let expiresAt = issuedAt + limits.credentialSeconds
        let credential = DeviceCredential(
            account: identity.account.id, device: identity.deviceID, tenant: identity.tenant.tenantNo,
            issuedAt: issuedAt, expiresAt: expiresAt)
        return (try signer.sign(credential), expiresAt * 1000)
    }

    /// A further credential. The older ones live to their `exp`.
    public func newCredential(for identity: DeviceIdentity) throws -> RawJSON {
        let (credential, expiresAt) = try issueCredential(for: identity, now: clock.now)
        return .object { writer in
            writer.member("credential", credential)
            writer.member("credentialExpiresAt", expiresAt)
        }
    }

    public func read(_ identity: DeviceIdentity) async throws -> RawJSON {
        guard let device = try await devices.device(identity.key) else {
            throw GatewayError(.tokenRevoked, "The device was deregistered or moved.")
        }
        return Self.json(of: device, tenantNo: identity.tenant.tenantNo)
    }

    /// Changes push tokens, the push switch and information. What is not named stays.
    public func update(_ identity: DeviceIdentity, _ body: RawJSON) async throws -> RawJSON {
        let draft = try DeviceDraft(parsing: body, limits: limits)
        let device = try await devices.update(identity.key, draft, at: clock.now)
        await changes.devicesChanged()
        return Self.json(of: device, tenantNo: identity.tenant.tenantNo)
    }

    /// The `push` operation over MQTT: the push switch alone.
    public func setPush(_ identity: DeviceIdentity, _ body: RawJSON) async throws -> RawJSON {
        var reader = try BodyReader(parsing: body)
        let isEnabled = reader.required("enabled", reader.bool("enabled"))
        try reader.finish()
        let change = RawJSON.object { $0.member("pushEnabled", isEnabled ?? true) }
        _ = try await update(identity, change)
        return .object { $0.member("enabled", isEnabled ?? true) }
    }

    /// Ends the device: when this returns its credential is dead on HTTP and MQTT and no new push begins.
    public func deregister(_ identity: DeviceIdentity) async throws {
        _ = try await devices.deregister(identity.key, at: clock.now)
        await changes.devicesChanged()
        await changes.devicesEnded([identity.deviceID])
    }

    private static func json(of device: Device, tenantNo: String) -> RawJSON {
        var writer = JSONWriter(reserving: 512)
        device.write(into: &writer, tenantNo: tenantNo)
        return RawJSON(archived: writer.bytes)
    }
}

/// What a device does.
extension GatewayAPI {
    /// Registers an installation. Registering again is harmless: the same `uniqueCode` keeps its device.
    /// - Parameter signature: made by the tenant's own server for this user; `nil` only where the app's registration
    ///   is open.
    public func register(_ registration: DeviceRegistration, signature: String?) async throws -> DeviceSession {
        let answer = try await authorized(by: signature.map { .bearer($0) } ?? .none)
            .call(.post, ["v1", "devices"], body: registration.json)
        return try DeviceSession(answer.json(), isNew: answer.status == 201)
    }

    /// What the gateway knows of this device. Push tokens are shown by their last characters.
    public func thisDevice() async throws -> JSONValue { try await call(.get, ["v1", "devices", "me"]).json() }

    /// Changes push tokens (`pushTokens` replaces the set), `pushEnabled` or `device`.
    @discardableResult
    public func updateThisDevice(_ changes: JSONValue) async throws -> JSONValue {
        try await call(.patch, ["v1", "devices", "me"], body: changes).json()
    }

    /// The credential dies at once and no push goes out any more.
    public func deregisterThisDevice() async throws { _ = try await call(.delete, ["v1", "devices", "me"]) }

    /// A new credential; the older one lives on to its end.
    public func newCredential() async throws -> DeviceCredential {
        try DeviceCredential(await call(.post, ["v1", "devices", "me", "credential"]).json())
    }

    /// Everything after a position, one page. Acknowledges what is up to `after`.
    public func sync(after: Int64, broadcastAfter: Int64? = nil, limit: Int? = nil) async throws -> SyncPage {
        let answer = try await call(
            .get, ["v1", "messages", "sync"],
            query: [
                "after": String(after), "broadcastAfter": broadcastAfter.map { String($0) },
                "limit": limit.map { String($0) },
            ])
        return try SyncPage(answer.bytes)
    }

    /// Everything up to `seq` is stored on the device.
    @discardableResult
    public func acknowledge(seq: Int64, broadcastSeq: Int64? = nil) async throws -> JSONValue {
        try await call(
            .post, ["v1", "messages", "ack"],
            body: .object(["seq": JSONValue(seq), "broadcastSeq": broadcastSeq.map { JSONValue($0) }])
        ).json()
    }
}

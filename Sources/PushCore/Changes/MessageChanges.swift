/// What becomes of a message after it was sent: edited, revoked, burned (contract, section 4). Whoever has a copy is
/// told of it in the inbox, and no vendor request that was true before begins once an operation has returned.
///
/// Everything here answers a repeat as it answered the first time, so a caller may repeat until it has the answer.
/// Another tenant's message, and one that the caller neither sent nor received, is `not_found`.
public struct MessageChanges: Sendable {
    private let store: any MessageChangeStore
    private let changes: any DeviceChanges
    private let changed: @Sendable () -> Void
    private let limits: Limits

    /// - Parameter changed: called after a change of which not everybody was told at once.
    public init(
        store: any MessageChangeStore, changes: any DeviceChanges, limits: Limits,
        changed: @escaping @Sendable () -> Void
    ) {
        self.store = store
        self.changes = changes
        self.limits = limits
        self.changed = changed
    }

    /// Replaces the content of a message. Every account with a copy gets a new entry with the next `revision`; the
    /// notification texts of the first send go, since they told of the old content.
    ///
    /// Throws `not_sender` for a receiver, `message_revoked`, `message_burned`, `conflict` where the content was erased
    /// by the tenant's retention or with a deleted account, and what a send throws for content that is not valid.
    public func update(_ id: String, _ body: RawJSON, as principal: Principal) async throws -> RawJSON {
        if case .app = principal { _ = try principal.app(with: .messagesSend) }
        let edit = try MessageEdit(parsing: body, limits: limits.effective(for: principal.tenant))
        let revision = try await store.update(id, to: edit, by: principal)
        await settle(isFollowed: revision.isFollowed)
        return .object { writer in
            writer.member("id", revision.id)
            writer.member("revision", revision.revision)
            writer.member("serverTime", revision.serverTime)
        }
    }

    /// Takes a message back: its content is erased everywhere, and every account with a copy gets event 257.
    ///
    /// Throws `not_sender` for a receiver, `message_burned`, and `forbidden` for a device later than the tenant allows.
    public func revoke(_ id: String, _ body: RawJSON?, as principal: Principal) async throws -> RawJSON {
        if case .app = principal { _ = try principal.app(with: .messagesSend) }
        try Self.checkEmpty(body)
        let erasure = try await store.revoke(id, by: principal)
        await settle(isFollowed: erasure.isFollowed)
        return .object { writer in
            writer.member("id", erasure.id)
            writer.member("revokedAt", erasure.at)
        }
    }

    /// Erases a message that was read. Of a single message both sides lose the content; of one with several receivers
    /// the caller's account does, and with the last of them the original goes. Tells by event 258.
    ///
    /// Throws `forbidden` for an app, `not_recipient` for the sender, `not_burnable` for broadcasts and events,
    /// `message_revoked`.
    public func burn(_ id: String, _ body: RawJSON?, as principal: Principal) async throws -> RawJSON {
        let device = try principal.device()
        try Self.checkEmpty(body)
        let erasure = try await store.burn(id, by: device)
        await settle(isFollowed: erasure.isFollowed)
        return .object { writer in
            writer.member("id", erasure.id)
            writer.member("burnedAt", erasure.at)
        }
    }

    private func settle(isFollowed: Bool) async {
        if !isFollowed { changed() }
        await changes.devicesChanged()
    }

    /// An object or nothing; members are not looked at.
    private static func checkEmpty(_ body: RawJSON?) throws(GatewayError) {
        if let body { _ = try BodyReader(parsing: body) }
    }
}

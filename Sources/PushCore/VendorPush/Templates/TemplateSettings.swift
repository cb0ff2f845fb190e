/// `/v1/settings/templates/{type}`: a tenant's own notification texts. Scope `settings`.
public struct TemplateSettings: Sendable {
    private let access: any AccessStore
    private let clock: WallClock

    public init(access: any AccessStore, clock: WallClock) {
        self.access = access
        self.clock = clock
    }

    /// What is set: language → `{title, body}`; `{}` when nothing is.
    public func read(type name: String, as principal: Principal) throws -> RawJSON {
        let (identity, type) = try target(name, as: principal)
        return identity.tenant.templates.sent(for: type) ?? .emptyObject
    }

    /// Replaces what was set for the type and answers it. Throws `invalid_request` with a pointer to each fault.
    public func put(_ body: RawJSON, type name: String, as principal: Principal) async throws -> RawJSON {
        let (identity, type) = try target(name, as: principal)
        let languages = try NotificationTemplates.Languages(checking: body)
        try await set(languages, for: type, of: identity)
        return languages.sent
    }

    public func delete(type name: String, as principal: Principal) async throws {
        let (identity, type) = try target(name, as: principal)
        try await set(nil, for: type, of: identity)
    }

    private func set(
        _ languages: NotificationTemplates.Languages?, for type: MessageType, of identity: AppIdentity
    ) async throws {
        let now = clock.now
        _ = try await access.setTemplates(languages, for: type, of: identity.tenant.key, at: now)
        let action = languages == nil ? "template.delete" : "template.update"
        try await access.audit(
            actor: identity.app.appID, action: action,
            subject: "\(identity.tenant.tenantNo)/\(type.name ?? "\(type.rawValue)")", at: now)
    }

    private func target(_ name: String, as principal: Principal) throws -> (AppIdentity, MessageType) {
        let identity = try principal.app(with: .settings)
        guard let type = MessageType(named: name) else {
            throw GatewayError(.notFound, "There is no message type \(name).")
        }
        return (identity, type)
    }
}

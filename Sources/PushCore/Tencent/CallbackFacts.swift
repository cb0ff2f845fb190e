/// What Tencent's callbacks say that an event does not hold. Implemented by PushStorage.
public protocol CallbackFacts: Sendable {
    /// The user behind an account id; nil for an app, or a user who was deleted.
    func userID(ofAccount account: String, tenant: TenantKey) async throws -> String?
    /// What the account has not read, of all conversations.
    func unreadTotal(ofAccount account: String, tenant: TenantKey) async throws -> Int
    /// Tencent's `Type` of a group; nil where it has none.
    func groupType(_ group: String, tenant: TenantKey) async throws -> String?
}

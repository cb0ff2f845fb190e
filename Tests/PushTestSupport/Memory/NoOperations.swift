import PushCore

/// Stands where a door needs an operation that the test does not ask for.
public struct NoOperations: MessageChangeStore {
    public init() {}

    private static let unknown = GatewayError(.notFound, "There is no such message.")

    public func update(_ id: String, to edit: MessageEdit, by principal: Principal) async throws -> MessageRevision {
        throw Self.unknown
    }
    public func revoke(_ id: String, by principal: Principal) async throws -> MessageErasure { throw Self.unknown }
    public func burn(_ id: String, by device: DeviceIdentity) async throws -> MessageErasure { throw Self.unknown }
    public func eraseOutlived() async throws -> Bool { false }
}

/// Nobody is told of changes.
public struct NoDeviceChanges: DeviceChanges {
    public init() {}
    public func devicesChanged() async {}
    public func devicesEnded(_ deviceIDs: [String]) async {}
}

/// Nobody has tags or attributes of their own.
public struct NoUserTags: UserTagStore {
    public init() {}

    public func add(_ changes: [UserTags], tagsMax: Int, tenant: TenantKey, at now: Milliseconds) async throws {}
    public func remove(_ changes: [UserTags], tenant: TenantKey, at now: Milliseconds) async throws {}
    public func removeAllTags(of users: [String], tenant: TenantKey, at now: Milliseconds) async throws {}
    public func tags(of users: [String], tenant: TenantKey) async throws -> [UserTags] { [] }
    public func attributeNames(of tenant: TenantKey) async throws -> [Int: String] { [:] }
    public func setAttributeNames(_ names: [Int: String], tenant: TenantKey) async throws {}
    public func setAttributes(_ changes: [UserAttributes], tenant: TenantKey, at now: Milliseconds) async throws {}
    public func removeAttributes(_ changes: [UserTags], tenant: TenantKey, at now: Milliseconds) async throws {}
    public func attributes(of users: [String], tenant: TenantKey) async throws -> [UserAttributes] { [] }
}

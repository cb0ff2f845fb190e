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

import PushCore

/// Stands where a door needs an operation that the test does not ask for.
public struct NoOperations: MessageChangeStore, BroadcastStore {
    public init() {}
}

/// Nobody is told of changes.
public struct NoDeviceChanges: DeviceChanges {
    public init() {}
    public func devicesChanged() async {}
    public func devicesEnded(_ deviceIDs: [String]) async {}
}

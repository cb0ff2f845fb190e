/// Whether a person can be reached now.
public enum OnlineState: Int, Sendable, Comparable {
    case offline
    /// By a notification only: a phone that is in the background, or was cut off not long ago.
    case reachableByPush
    case online

    public static func < (left: OnlineState, right: OnlineState) -> Bool { left.rawValue < right.rawValue }
}

/// A user's devices and how each can be reached.
public struct UserOnlineState: Sendable {
    public let userID: String
    public let devices: [(osType: OSType, state: OnlineState)]

    /// That of the device that can be reached best.
    public var state: OnlineState { devices.map(\.state).max() ?? .offline }
}

extension Accounts {
    /// How the users can be reached. Unknown ones are left out; each is there once. Scope `accounts`.
    ///
    /// A phone counts as reachable by a notification for ``Limits/pushReachSeconds`` after it was last seen.
    public func onlineStates(of userIDs: [String], as principal: Principal) async throws -> [UserOnlineState] {
        let identity = try principal.app(with: .accounts)
        guard userIDs.count <= limits.usersPerCallMax else {
            throw GatewayError(.tooLarge, "At most \(limits.usersPerCallMax) users a call.")
        }
        let found = try await store.activeDevices(
            tenant: identity.tenant.key, userIDs: userIDs.filter(IDRules.isUserID))
        return found.map { user in
            UserOnlineState(userID: user.userID, devices: user.devices.map { ($0.osType, state(of: $0)) })
        }
    }

    private func state(of device: UserDevices.Member) -> OnlineState {
        let isPhone = device.osType == .ios || device.osType == .android
        if presence.connectedSince(device.deviceID) != nil {
            return isPhone && presence.isInBackground(device.deviceID) ? .reachableByPush : .online
        }
        guard isPhone, device.canBePushed, clock.now - device.lastSeenAt <= limits.pushReachSeconds * 1000 else {
            return .offline
        }
        return .reachableByPush
    }
}

import Synchronization

/// One connection of a device as the broker reported it. Presence is keyed by connection, never by device: at a takeover
/// the new connection is accepted before the old one is closed.
public struct DeviceConnection: Sendable, Hashable {
    public let connection: UInt64
    public let deviceID: String
    public let at: Milliseconds

    public init(connection: UInt64, deviceID: String, at: Milliseconds) {
        self.connection = connection
        self.deviceID = deviceID
        self.at = at
    }
}

public enum PresenceChange: Sendable, Hashable {
    case connected(DeviceConnection)
    case disconnected(DeviceConnection)
}

/// Which devices have a live broker connection, as far as we know.
///
/// Wrong answers are cheap in one direction only: believing a device is connected when it is not delays a push by one
/// acknowledgement deadline; believing it away costs a notification. Hence the *doubt*: after a start of the gateway or
/// the loss of the broker every device counts as connected, until the broker's snapshot has come and some time more has
/// passed in which devices can come back (contract details, *Presence in doubt*).
public final class PresenceBook: Sendable {
    private struct State {
        var connections: [String: [UInt64]] = [:]
        var since: [String: Milliseconds] = [:]
        var background: Set<String> = []
        var isInDoubt = true
        var hasSnapshot = false
        /// Counts the doubts, so that the end of an older one does not end a newer one.
        var doubt = 0
        var listeners: [@Sendable ([String]) -> Void] = []
    }

    private let state = Mutex(State())

    public init() {}

    /// Calls `listener` with devices that have just lost their last connection. It must only hand on.
    public func onDisconnect(_ listener: @escaping @Sendable ([String]) -> Void) {
        state.withLock { $0.listeners.append(listener) }
    }

    public func isConnected(_ deviceID: String) -> Bool {
        state.withLock { $0.isInDoubt || $0.connections[deviceID] != nil }
    }

    /// Connected for certain, and since when; nil otherwise. For what people are shown.
    public func connectedSince(_ deviceID: String) -> Milliseconds? {
        state.withLock { $0.connections[deviceID] == nil ? nil : $0.since[deviceID] }
    }

    /// Everyone who is connected for certain, and since when.
    public var connectedDevices: [String: Milliseconds] { state.withLock { $0.since } }

    public var isInDoubt: Bool { state.withLock { $0.isInDoubt } }

    public var connectedCount: Int { state.withLock { $0.connections.count } }

    /// Whether the broker's snapshot has been seen since the last loss.
    public var hasSnapshot: Bool { state.withLock { $0.hasSnapshot } }

    public func isInBackground(_ deviceID: String) -> Bool { state.withLock { $0.background.contains(deviceID) } }

    public func setBackground(_ isBackground: Bool, deviceID: String) {
        state.withLock { state in
            if isBackground { state.background.insert(deviceID) } else { state.background.remove(deviceID) }
        }
    }

    // MARK: From the broker

    /// The broker is lost or new: nothing is known. Returns the number of this doubt.
    @discardableResult
    public func lost() -> Int {
        state.withLock { state in
            state.connections.removeAll()
            state.since.removeAll()
            state.isInDoubt = true
            state.hasSnapshot = false
            state.doubt += 1
            return state.doubt
        }
    }

    /// Every live connection, from the broker itself. Returns the number of the doubt that may now end.
    @discardableResult
    public func snapshot(_ connections: [DeviceConnection]) -> Int {
        let (listeners, gone, doubt) = state.withLock { state in
            let before = state.isInDoubt ? [] : Set(state.connections.keys)
            state.connections.removeAll(keepingCapacity: true)
            state.since.removeAll(keepingCapacity: true)
            for connection in connections { Self.add(connection, to: &state) }
            state.hasSnapshot = true
            state.background.formIntersection(state.connections.keys)
            return (state.listeners, before.subtracting(state.connections.keys), state.doubt)
        }
        if !gone.isEmpty { for listener in listeners { listener(Array(gone)) } }
        return doubt
    }

    /// Ends the doubt with this number: from here on, who is not in the book is away.
    public func endDoubt(_ doubt: Int) -> Bool {
        state.withLock { state in
            guard state.doubt == doubt, state.hasSnapshot, state.isInDoubt else { return false }
            state.isInDoubt = false
            return true
        }
    }

    /// Changes in the broker's order.
    public func apply(_ changes: [PresenceChange]) {
        let (listeners, gone) = state.withLock { state in
            var gone: [String] = []
            for change in changes {
                switch change {
                case .connected(let connection): Self.add(connection, to: &state)
                case .disconnected(let connection):
                    guard var open = state.connections[connection.deviceID] else { continue }
                    open.removeAll { $0 == connection.connection }
                    if open.isEmpty {
                        state.connections[connection.deviceID] = nil
                        state.since[connection.deviceID] = nil
                        state.background.remove(connection.deviceID)
                        gone.append(connection.deviceID)
                    } else {
                        state.connections[connection.deviceID] = open
                    }
                }
            }
            gone.removeAll { state.connections[$0] != nil }
            return (state.listeners, gone)
        }
        if !gone.isEmpty { for listener in listeners { listener(gone) } }
    }

    private static func add(_ connection: DeviceConnection, to state: inout State) {
        // A snapshot and a change may both tell of the same connection.
        if state.connections[connection.deviceID]?.contains(connection.connection) != true {
            state.connections[connection.deviceID, default: []].append(connection.connection)
        }
        state.since[connection.deviceID] = max(state.since[connection.deviceID] ?? 0, connection.at)
    }
}

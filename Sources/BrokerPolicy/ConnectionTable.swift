import BrokerControl
import PushCredentials

/// One accepted connection of a device.
final class DeviceSession {
    /// Unique within a boot of the broker.
    let number: UInt64
    let device: String
    let account: String
    let topics: DeviceTopics
    /// SHA-256 of the credential that was verified.
    let tokenHash: [UInt8]
    /// Seconds since 1970.
    let expiresAt: Int64
    /// Milliseconds since 1970.
    let connectedAt: Int64
    /// Deregistered, moved, or its credential ran out: it has no rights any more and is about to be closed.
    var isEnded = false

    init(number: UInt64, credential: DeviceCredential, tokenHash: [UInt8], connectedAt: Int64) {
        self.number = number
        self.device = credential.device
        self.account = credential.account
        self.topics = DeviceTopics(
            account: credential.account, device: credential.device, tenant: credential.tenant)
        self.tokenHash = tokenHash
        self.expiresAt = credential.expiresAt
        self.connectedAt = connectedAt
    }

    func connection(at time: Int64) -> BrokerConnection {
        BrokerConnection(connection: number, device: device, account: account, at: time)
    }
}

/// The live connections by the address that the broker knows them by.
///
/// Never by client id: at a takeover the new connection is accepted before the old one is told to be closed, and both
/// have the same.
struct ConnectionTable {
    enum Identity {
        case gateway
        case device(DeviceSession)
    }

    private var identities: [BrokerPolicy.Client: Identity] = [:]
    /// The live connections of a device, oldest first; more than one during a takeover only.
    private var sessions: [String: [DeviceSession]] = [:]
    private var closed: (client: BrokerPolicy.Client, session: DeviceSession)?
    private var lastNumber: UInt64 = 0

    func identity(of client: BrokerPolicy.Client) -> Identity? {
        identities[client]
    }

    func session(of client: BrokerPolicy.Client) -> DeviceSession? {
        guard case .device(let session) = identities[client] else { return nil }
        return session
    }

    /// The session that was closed last, if it was this client's.
    func lastClosed(_ client: BrokerPolicy.Client) -> DeviceSession? {
        closed?.client == client ? closed?.session : nil
    }

    var devices: [String] { Array(sessions.keys) }

    /// Every live connection of a device, in no order; `at` is when it was accepted.
    var live: [BrokerConnection] {
        sessions.values.flatMap { $0.map { $0.connection(at: $0.connectedAt) } }
    }

    mutating func insert(_ identity: Identity, for client: BrokerPolicy.Client) {
        identities[client] = identity
    }

    mutating func open(
        _ credential: DeviceCredential, tokenHash: [UInt8], for client: BrokerPolicy.Client, at now: Int64
    ) -> BrokerConnection {
        lastNumber &+= 1
        let session = DeviceSession(
            number: lastNumber, credential: credential, tokenHash: tokenHash, connectedAt: now)
        identities[client] = .device(session)
        sessions[credential.device, default: []].append(session)
        return session.connection(at: now)
    }

    /// Removes whatever was known by this address; the session, if it was a device's.
    mutating func close(_ client: BrokerPolicy.Client) -> DeviceSession? {
        closed = nil
        guard case .device(let session) = identities.removeValue(forKey: client) else { return nil }
        closed = (client, session)
        sessions[session.device]?.removeAll { $0 === session }
        if sessions[session.device]?.isEmpty == true {
            sessions[session.device] = nil
        }
        return session
    }

    /// Takes a device's rights; whether a live connection still had them.
    func end(_ device: String) -> Bool {
        let live = (sessions[device] ?? []).filter { !$0.isEnded }
        for session in live { session.isEnded = true }
        return !live.isEmpty
    }

    /// Takes the rights of every session whose credential has run out, and names the devices to disconnect: these, and
    /// whoever lost its rights before and is still connected.
    ///
    /// - Parameter seconds: since 1970.
    func endExpired(at seconds: Int64) -> [String] {
        var expired: [String] = []
        for (device, live) in sessions {
            for session in live where session.expiresAt <= seconds { session.isEnded = true }
            if newestIsEnded(device) { expired.append(device) }
        }
        return expired
    }

    /// Whether whoever holds the device's client id now has no rights. The broker closes by client id, and must not
    /// close a newer connection that came with a good credential.
    func newestIsEnded(_ device: String) -> Bool {
        sessions[device]?.last?.isEnded ?? false
    }
}

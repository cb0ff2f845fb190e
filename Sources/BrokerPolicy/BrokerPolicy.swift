import BrokerControl
import Crypto
import PushCredentials

/// Who may connect to the broker and do what there, and what the gateway is told about it.
///
/// A value without clock, randomness and I/O. The plugin calls it on the broker's only thread and carries out what it
/// answers. It fails closed: until the list of ended devices has arrived, the gateway alone is let in.
///
/// Any keepalive is accepted, 0 (never) too: that a device is connected only chooses the first road of a message, and
/// its acknowledgement decides.
public struct BrokerPolicy {
    /// Names one connection: the address of the broker's record of it. The broker reuses addresses of closed
    /// connections, so what is kept under one is removed with the disconnection, always.
    public typealias Client = UInt

    /// A CONNECT, or the broker asking about a known session again after its configuration was reloaded.
    public struct ConnectRequest {
        public let client: Client
        public let clientID: String?
        public let username: String?
        public let password: String?

        public init(client: Client, clientID: String?, username: String?, password: String?) {
            self.client = client
            self.clientID = clientID
            self.username = username
            self.password = password
        }
    }

    /// The answer to a ``ConnectRequest``.
    public enum Admission: Equatable, Sendable {
        case accepted
        case refused(Refusal)
    }

    public enum Refusal: Equatable, Sendable {
        /// User name, client id or password is missing, too long or outside the alphabet.
        case identity
        case gatewayPassword
        /// The list of ended devices has not arrived yet.
        case notReady
        case credential(CredentialFault)
        /// The credential is good, but for another client id or user name.
        case notItsOwner
        case ended
    }

    /// What is left to do in the broker after ``tick(at:monotonic:)``.
    public struct Actions: Equatable, Sendable {
        /// Client ids to disconnect, without will.
        public var disconnect: [String] = []
        /// ``BrokerReport`` texts for the gateway's presence connection, in order.
        public var reports: [[UInt8]] = []
        /// A ``PublishEnvelope`` for the gateway's uplink connection.
        public var requests: [UInt8]?
    }

    private let verifier: DeviceCredentialVerifier
    private let gatewayPasswordHash: String

    private var connections = ConnectionTable()
    private var ended = EndedDevices()
    private var reports: ReportQueue
    private var requests = RequestGathering()
    private var pendingKicks: [String] = []
    private var isReloading = false
    private var nextExpiryScan: Int64 = 0

    /// A credential that ran out ends its session within this time (contract: 60 s).
    static let expiryScanInterval: Int64 = 5000
    /// Each one is a disconnection's work inside the broker's loop.
    static let kicksPerTickMax = 200

    /// - Parameters:
    ///   - verifier: the public keys of device credentials.
    ///   - gatewayPasswordHash: ``SecretHash`` of the gateway's password.
    ///   - boot: the boot id of the reports, random.
    public init(verifier: DeviceCredentialVerifier, gatewayPasswordHash: String, boot: String) {
        self.verifier = verifier
        self.gatewayPasswordHash = gatewayPasswordHash
        self.reports = ReportQueue(boot: boot)
    }

    // MARK: Connecting

    /// Decides about a connection and takes note of an accepted one.
    ///
    /// - Parameter now: milliseconds since 1970.
    public mutating func authenticate(_ request: ConnectRequest, at now: Int64) -> Admission {
        guard let clientID = request.clientID, Identifier.isValid(clientID),
            let username = request.username, Identifier.isValid(username), let password = request.password
        else { return .refused(.identity) }
        if username == BrokerIdentity.gatewayUsername {
            return authenticateGateway(request.client, clientID: clientID, password: password, at: now)
        }
        return authenticateDevice(request.client, clientID: clientID, username: username, password: password, at: now)
    }

    private mutating func authenticateGateway(
        _ client: Client, clientID: String, password: String, at now: Int64
    ) -> Admission {
        guard clientID.hasPrefix(BrokerIdentity.gatewayClientPrefix) else { return .refused(.identity) }
        guard SecretHash.matches(password, hash: gatewayPasswordHash) else { return .refused(.gatewayPassword) }
        if !isReloading {
            close(client, at: now)
            connections.insert(.gateway, for: client)
            if clientID == BrokerIdentity.uplinkClientID { requests.receiver = client }
        }
        return .accepted
    }

    private mutating func authenticateDevice(
        _ client: Client, clientID: String, username: String, password: String, at now: Int64
    ) -> Admission {
        guard ended.isKnown else { return .refused(.notReady) }
        guard !clientID.hasPrefix(BrokerIdentity.gatewayClientPrefix) else { return .refused(.identity) }
        guard !ended.contains(clientID) else { return .refused(.ended) }
        let tokenHash = Array(SHA256.hash(data: Array(password.utf8)))
        if let session = connections.session(of: client), session.tokenHash == tokenHash, session.device == clientID,
            session.account == username
        {
            // The broker asks again for every session when it reloads its configuration; its only thread should not
            // verify a hundred thousand signatures for that, and nobody has connected.
            return now / 1000 < session.expiresAt ? .accepted : .refused(.credential(.expired))
        }
        let credential: DeviceCredential
        do throws(CredentialFault) {
            credential = try verifier.verify(password, now: now / 1000, audience: DeviceCredential.mqttAudience)
        } catch {
            return .refused(.credential(error))
        }
        guard credential.device == clientID, credential.account == username, Identifier.isValid(credential.tenant)
        else { return .refused(.notItsOwner) }
        // During a reload an unknown address is a stored session without a connection: it may stay, but nobody came.
        guard !isReloading else { return .accepted }
        close(client, at: now)
        let connected = connections.open(credential, tokenHash: tokenHash, for: client, at: now)
        reports.append(.connected(connected))
        return .accepted
    }

    /// The connection ended, or never was accepted.
    ///
    /// - Parameter now: milliseconds since 1970.
    public mutating func disconnected(_ client: Client, at now: Int64) {
        close(client, at: now)
    }

    private mutating func close(_ client: Client, at now: Int64) {
        requests.closed(client)
        guard let session = connections.close(client) else { return }
        reports.append(.disconnected(session.connection(at: now)))
    }

    /// From here to the next ``tick(at:monotonic:)`` the broker asks about every session it knows, connected or not.
    public mutating func reloadBegan() {
        isReloading = true
    }

    // MARK: Topics

    /// Whether a client may do that.
    ///
    /// - Parameters:
    ///   - topic: a topic, or for ``TopicAccess/subscribe`` and ``TopicAccess/unsubscribe`` a filter as it was sent.
    ///   - isRetained: the message's retain flag. Nothing is ever retained.
    ///   - now: milliseconds since 1970.
    public func allows(
        _ access: TopicAccess, topic: String, isRetained: Bool, client: Client, at now: Int64
    ) -> Bool {
        switch connections.identity(of: client) {
        case .gateway:
            return GatewayTopics.allow(access, topic: topic, isRetained: isRetained)
        case .device(let session):
            guard !session.isEnded, now / 1000 < session.expiresAt else { return access == .unsubscribe }
            return session.topics.allow(access, topic: topic, isRetained: isRetained)
        case nil:
            // The will of a connection is checked right after its disconnection was told.
            guard access == .write, let session = connections.lastClosed(client), !session.isEnded,
                now / 1000 < session.expiresAt
            else { return false }
            return session.topics.allow(access, topic: topic, isRetained: isRetained)
        }
    }

    // MARK: Requests

    /// A device's publish that the broker has let in and is about to route. What is for the gateway is gathered for its
    /// uplink connection, which then does not get it once more by its subscription.
    ///
    /// - Returns: an envelope that is full and has to go at once; the others go with the next
    ///   ``tick(at:monotonic:)``.
    public mutating func gather(_ publish: EnvelopedPublish, from client: Client) -> [UInt8]? {
        guard connections.session(of: client) != nil else { return nil }
        return requests.add(publish)
    }

    /// Whether a message that the broker is about to hand to the gateway's uplink connection reaches it in an envelope.
    /// Asked once for each such message.
    public mutating func isGathered(_ topic: String, for client: Client) -> Bool {
        requests.isGathered(topic, for: client)
    }

    // MARK: Commands

    public enum CommandResult: Equatable, Sendable {
        case done
        /// Only the gateway gives commands.
        case notAllowed
        /// No command of this version, or a page out of order; nothing was changed.
        case notUnderstood
    }

    /// Carries out a ``BrokerCommand``.
    ///
    /// - Parameter now: milliseconds since 1970.
    public mutating func receive(_ payload: [UInt8], from client: Client, at now: Int64) -> CommandResult {
        guard case .gateway = connections.identity(of: client) else { return .notAllowed }
        guard let command = CommandText.decode(payload) else { return .notUnderstood }
        switch command {
        case .endedDevices(let page, let isLast, let devices):
            switch ended.receive(page: page, isLast: isLast, devices: devices, at: now) {
            case .outOfOrder: return .notUnderstood
            case .more: return .done
            case .complete:
                end(connections.devices.filter(ended.contains))
                reports.append(.ready)
            }
        case .endDevices(let devices):
            ended.insert(devices, at: now)
            end(devices)
        case .snapshot(let request):
            reports.appendSnapshot(request: request, connections: connections.live)
        }
        return .done
    }

    public enum EnvelopeFault: Error, Equatable, Sendable {
        /// Only the gateway publishes in envelopes.
        case notAllowed
        /// No ``PublishEnvelope`` of this version. Nothing of it was published.
        case notUnderstood
        /// One of its topics is none that the gateway publishes on. Nothing of it was published.
        case wrongTopic
    }

    /// Calls `publish` for each publish of a ``PublishEnvelope``, in order; for all of them or for none.
    public func open(
        _ bytes: UnsafeRawBufferPointer, from client: Client, publish: (EnvelopedPublish) -> Void
    ) throws(EnvelopeFault) {
        guard case .gateway = connections.identity(of: client) else { throw .notAllowed }
        var isRight = true
        try Self.read(bytes) { isRight = isRight && GatewayTopics.isDownlink($0.topic) }
        guard isRight else { throw .wrongTopic }
        try Self.read(bytes, publish)
    }

    private static func read(
        _ bytes: UnsafeRawBufferPointer, _ body: (EnvelopedPublish) -> Void
    ) throws(EnvelopeFault) {
        do throws(PublishEnvelopeReader.Malformed) {
            var reader = try PublishEnvelopeReader(bytes)
            while let next = try reader.next() { body(next) }
        } catch {
            throw .notUnderstood
        }
    }

    /// Takes the devices' rights at once; their sessions are closed by the next ticks, since the broker must not
    /// close one while it handles a message.
    private mutating func end(_ devices: [String]) {
        for device in devices where connections.end(device) {
            pendingKicks.append(device)
        }
    }

    // MARK: Time

    /// The broker's idle moment, at least ten times a second.
    ///
    /// - Parameters:
    ///   - now: milliseconds since 1970.
    ///   - monotonic: milliseconds of a clock that never jumps.
    public mutating func tick(at now: Int64, monotonic: Int64) -> Actions {
        isReloading = false
        if pendingKicks.isEmpty, monotonic >= nextExpiryScan {
            nextExpiryScan = monotonic &+ Self.expiryScanInterval
            pendingKicks = connections.endExpired(at: now / 1000)
        }
        var actions = Actions()
        if !pendingKicks.isEmpty {
            actions.disconnect = Array(pendingKicks.prefix(Self.kicksPerTickMax))
            pendingKicks.removeFirst(actions.disconnect.count)
            // A client that took over in the meantime with a good credential is not meant.
            actions.disconnect.removeAll { !connections.newestIsEnded($0) }
        }
        actions.reports = reports.take(at: monotonic)
        actions.requests = requests.take()
        return actions
    }
}

// DeviceClient.swift
//
// Connecting, and the events of the connection. How entries are put in order is in DeviceClient+Entries, requests are
// in DeviceClient+Requests.

import Foundation
import MosquittoClient
import Synchronization

/// A registered device: receives everything once and in order, catches up after each connect, acknowledges, and sends.
///
/// ```swift
/// let loop = try ClientLoop()
/// var options = DeviceClient.Options()
/// options.store = FileStore(folder.appending(path: "position.json"))
/// options.renewCredential = { try await api.authorized(by: .bearer($0.value)).newCredential() }
/// let device = DeviceClient(session, loop: loop, options: options) { device, event in
///     if case .entry(let entry) = event { try database.insert(entry) }
/// }
/// try device.connect()
/// try await device.send(OutgoingMessage(to: "acct_…", text: "Good morning"))
/// await device.disconnect()
/// ```
///
/// The handler is called on the loop's thread, one event at a time, and must not block for long. When it throws at an
/// entry, that entry counts as not received: it is neither passed over nor acknowledged, and is fetched again after
/// ``Options/repeatAfter``.
public final class DeviceClient: Sendable {
    public typealias Handler = @Sendable (DeviceClient, DeviceEvent) throws -> Void

    public let account: String
    public let deviceID: String
    public let topics: DeviceSession.Topics
    public let options: Options
    let handler: Handler
    let loop: ClientLoop
    let state: Mutex<State>

    struct State {
        var session: DeviceSession
        var mqtt: MQTTSession?
        /// Connected and subscribed.
        var isReady = false
        var isLoaded = false
        /// Something was handed over since the store saved last.
        var isDirty = false
        var inbox: ChannelPosition
        var broadcast: ChannelPosition
        var seen: SeenEntries
        var counters = DeviceCounters()

        var requests = RequestTable()
        var nextRequest: UInt64 = 1
        /// At most one of each is on its way.
        var isSyncing = false
        var isAcknowledging = false
        /// An acknowledgement of broadcasts waits until they are handed out.
        var isDelayingAcknowledgement = false
        /// After a failure no sync begins before this.
        var syncNotBefore: ContinuousClock.Instant?
        /// Something is missing, or was not asked for since the connect.
        var needsSync = false
        /// In a row that did not bring everything.
        var syncsInVain = 0
        var acknowledged = PushGateClient.Acknowledgement()
        var acknowledgementWanted = PushGateClient.Acknowledgement()

        var renewAt: ContinuousClock.Instant?
        var timerAt: ContinuousClock.Instant?

        subscript(channel: Channel) -> ChannelPosition {
            get { channel == .inbox ? inbox : broadcast }
            set { if channel == .inbox { inbox = newValue } else { broadcast = newValue } }
        }
    }

    /// Makes replies to an earlier run of this device not match.
    let requestPrefix = String(UInt32.random(in: .min ... .max), radix: 36)

    public init(
        _ session: DeviceSession, loop: ClientLoop, options: Options = Options(), handler: @escaping Handler
    ) {
        account = session.account
        deviceID = session.deviceID
        topics = session.topics
        self.options = options
        self.handler = handler
        self.loop = loop
        let start = options.startsAtHead ? (session.seq, session.broadcastSeq) : (0, 0)
        state = Mutex(
            State(
                session: session, inbox: ChannelPosition(last: start.0), broadcast: ChannelPosition(last: start.1),
                seen: SeenEntries(max: options.seenMax)))
    }

    /// A client whose events come as a stream. The client acknowledges what is in the stream's buffer; use
    /// ``Acknowledgement/manual`` where an entry must first be stored by whoever reads the stream.
    /// - Parameter bufferedMax: when so many events wait, entries stay with the gateway until there is room; what tells
    ///   of connections is dropped.
    public static func stream(
        _ session: DeviceSession, loop: ClientLoop, options: Options = Options(), bufferedMax: Int = 1000
    ) -> (device: DeviceClient, events: AsyncStream<DeviceEvent>) {
        let (events, input) = AsyncStream.makeStream(
            of: DeviceEvent.self, bufferingPolicy: .bufferingOldest(bufferedMax))
        let device = DeviceClient(session, loop: loop, options: options) { _, event in
            if case .dropped = input.yield(event) { throw DeviceClientError.streamIsFull }
        }
        return (device, events)
    }

    // MARK: What it knows

    /// Connected and subscribed.
    public var isConnected: Bool { state.withLock { $0.isReady } }
    /// Every inbox entry up to here has been handed over, none left out.
    public var lastContiguousSeq: Int64 { state.withLock { $0.inbox.last } }
    public var lastContiguousBroadcastSeq: Int64 { state.withLock { $0.broadcast.last } }
    /// Up to where the gateway has confirmed this client's acknowledgement.
    public var acknowledgedSeq: Int64 { state.withLock { $0.acknowledged.seq } }
    public var acknowledgedBroadcastSeq: Int64 { state.withLock { $0.acknowledged.broadcastSeq } }
    public var counters: DeviceCounters { state.withLock { $0.counters } }
    public var credential: DeviceCredential { state.withLock { $0.session.credential } }

    // MARK: Connecting

    /// Begins to connect, and again after each loss, until ``disconnect(sendsDisconnect:)``.
    /// - Throws: what the store throws, or ``DeviceClientError/alreadyConnected``.
    public func connect() throws {
        try loadPosition()
        let session = state.withLock { $0.session }
        let mqttOptions = Self.mqttOptions(session, options) { [weak self] in self?.credential.value }
        try state.withLock { state in
            guard state.mqtt == nil else { throw DeviceClientError.alreadyConnected }
            // The loop keeps the client alive until it is disconnected.
            state.mqtt = try loop.loop.makeSession(mqttOptions) { _, event in self.handle(event) }
            state.renewAt = renewalTime(of: state.session.credential)
        }
        scheduleTimer()
    }

    /// Ends the connection and all requests that wait. `connect` may be called again. Not to be called from the
    /// handler.
    /// - Parameter sendsDisconnect: `false` breaks the connection off, as a device does that loses power.
    public func disconnect(sendsDisconnect: Bool = true) async {
        guard let mqtt = state.withLock({ $0.mqtt }) else { return }
        // What was received and not acknowledged would be pushed to who is away.
        if sendsDisconnect { acknowledgeBeforeLeaving() }
        await mqtt.stop(drain: sendsDisconnect ? .seconds(1) : .zero, sendsDisconnect: sendsDisconnect)
        let waiting = state.withLock { state in
            state.mqtt = nil
            state.isReady = false
            state.renewAt = nil
            defer { state.requests = RequestTable() }
            return state.requests.requests.values
        }
        for case .call(let completion) in waiting.map(\.purpose) {
            completion(.failure(DeviceClientError.disconnected))
        }
    }

    /// For the next connect; a live connection goes on.
    public func replaceCredential(_ credential: DeviceCredential) {
        state.withLock { state in
            state.session.credential = credential
            if state.mqtt != nil { state.renewAt = renewalTime(of: credential) }
        }
        scheduleTimer()
    }

    private func loadPosition() throws {
        guard let store = options.store, !state.withLock({ $0.isLoaded }) else { return }
        let position = try store.load(account: account)
        state.withLock { state in
            state.isLoaded = true
            guard let position else { return }
            state.inbox = ChannelPosition(last: position.seq)
            state.broadcast = ChannelPosition(last: position.broadcastSeq)
            state.acknowledged = .init(
                seq: position.acknowledgedSeq, broadcastSeq: position.acknowledgedBroadcastSeq)
            state.seen = SeenEntries(max: options.seenMax, keys: position.seen)
        }
    }

    // MARK: Events of the connection, on the loop's thread

    private func handle(_ event: MQTTEvent) {
        switch event {
        case .message(let message):
            if message.topic == topics.inbox {
                received(message.payload, in: .inbox)
            } else if message.topic == topics.reply {
                receivedReply(message.payload)
            } else if message.topic == topics.broadcast {
                received(message.payload, in: .broadcast)
            }
        case .readBatchEnded: batchEnded()
        case .subscribed(let filters, let granted): subscribed(filters, granted)
        case .disconnected(let reason): disconnected(reason)
        case .connectRefused(let code, _): report(.refused(code: code))
        case .connected, .connectFailed, .unsubscribed: break
        }
    }

    private func subscribed(_ filters: [String], _ granted: [UInt8]) {
        if let code = granted.first(where: { $0 >= 128 }) { return report(.refused(code: code)) }
        // The replies come first, at a quality of their own.
        guard filters.contains(topics.inbox) else { return }
        state.withLock { state in
            state.isReady = true
            state.counters.connects += 1
            state.needsSync = true
            state.syncNotBefore = nil
        }
        report(.connected)
        resendRequests()
        synchronizeIfNeeded()
        scheduleTimer()
    }

    private func disconnected(_ reason: MQTTDisconnectReason) {
        state.withLock { state in
            state.isReady = false
            state.isSyncing = false
            state.isAcknowledging = false
            state.requests.removeOwn()
        }
        let text =
            switch reason {
            case .requested: "requested"
            case .byBroker(let code): "by the broker, reason \(code)"
            case .failure(let failure): failure.description
            }
        report(.disconnected(text))
    }

    /// For events that nobody can refuse.
    func report(_ event: DeviceEvent) {
        try? handler(self, event)  // only an entry can be given back
    }

    // MARK: Timer

    /// One timer a client, for everything that has to happen later. A timer that is no longer wanted fires and finds
    /// nothing.
    func scheduleTimer() {
        let now = ContinuousClock.now
        let due = state.withLock { state -> ContinuousClock.Instant? in
            guard state.mqtt != nil else { return nil }
            let syncAt = state.isReady && state.needsSync && !state.isSyncing ? state.syncNotBefore : nil
            let candidates = [state.requests.nextDue(isConnected: state.isReady), state.renewAt, syncAt]
            guard let due = candidates.compactMap({ $0 }).min() else { return nil }
            if let timerAt = state.timerAt, timerAt <= due { return nil }
            state.timerAt = due
            return due
        }
        guard let due else { return }
        loop.schedule(after: due - now) { [weak self] in self?.timerFired() }
    }

    private func timerFired() {
        let now = ContinuousClock.now
        let (renews, expired) = state.withLock { state in
            state.timerAt = nil
            let renews = state.renewAt.map { $0 <= now } ?? false
            if renews { state.renewAt = nil }
            return (renews ? state.session.credential : nil, state.requests.takeExpired(now: now))
        }
        for case .call(let completion) in expired.map(\.purpose) { completion(.failure(DeviceClientError.noReply)) }
        if let renews { renew(renews) }
        repeatRequests(now: now)
        synchronizeIfNeeded()
        scheduleTimer()
    }

    // MARK: Credential

    /// After four fifths of what is left of its life.
    private func renewalTime(of credential: DeviceCredential) -> ContinuousClock.Instant? {
        guard options.renewCredential != nil else { return nil }
        return .now + .seconds(max(0.1, credential.expiresAt.timeIntervalSinceNow * 0.8))
    }

    private func renew(_ credential: DeviceCredential) {
        guard let renewCredential = options.renewCredential else { return }
        Task { [weak self] in
            do {
                let fresh = try await renewCredential(credential)
                self?.replaceCredential(fresh)
                self?.options.credentialRenewed?(fresh)
            } catch {
                self?.renewLater()
            }
        }
    }

    private func renewLater() {
        state.withLock { state in
            guard state.mqtt != nil else { return }
            let left = state.session.credential.expiresAt.timeIntervalSinceNow
            state.renewAt = .now + .seconds(min(max(1, left * 0.2), 300))
        }
        scheduleTimer()
    }
}

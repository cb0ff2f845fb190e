// MQTTSession.swift
//
// The half of a session that any thread may use: it checks, queues and wakes the loop. What touches the library is in
// SessionDriver, on the loop's thread.

import DequeModule
import Synchronization

/// One MQTT client, driven by an ``MQTTLoop``. It connects when it is made and again whenever the connection ends,
/// until ``stop(drain:sendsDisconnect:)``.
public final class MQTTSession: Sendable {
    /// Called on the loop's thread, one event at a time: must not block. Calls to the session are fine.
    public typealias Handler = @Sendable (MQTTSession, MQTTEvent) -> Void

    public let options: Options
    let id: UInt64
    let handler: Handler
    private let mailbox: LoopMailbox
    private let state = Mutex(State())

    enum Command: Sendable {
        case subscribe([String], MQTTQoS, (@Sendable (Result<[UInt8], MQTTCallError>) -> Void)?)
        case unsubscribe([String], (@Sendable (Result<Void, MQTTCallError>) -> Void)?)
    }

    struct StopRequest: Sendable {
        let deadline: ContinuousClock.Instant
        let sendsDisconnect: Bool
    }

    private struct State {
        var publishes = Deque<PendingPublish>()
        var commands: [Command] = []
        /// `nil` while calls are taken.
        var refusal: MQTTCallError?
        var stop: StopRequest?
        var isConnected = false
        /// The driver has finished; nothing calls back any more.
        var isFinished = false
        var waitingForFinish: [CheckedContinuation<Void, Never>] = []
    }

    /// Bound on subscribe and unsubscribe calls waiting for the loop.
    private static let commandsMax = 1000

    init(id: UInt64, options: Options, handler: @escaping Handler, mailbox: LoopMailbox) {
        self.id = id
        self.options = options
        self.handler = handler
        self.mailbox = mailbox
    }

    // MARK: State

    /// CONNACK was received and the connection has not ended since, as far as the loop knows.
    public var isConnected: Bool { state.withLock { $0.isConnected } }
    /// Publishes that have not been handed to the library yet.
    public var queuedPublishes: Int { state.withLock { $0.publishes.count } }

    // MARK: Publishing

    /// Queues a publish and returns at once; from any thread. Messages of one session leave in the order of the calls.
    ///
    /// While there is no connection, publishes wait in the queue, QoS 0 too.
    /// - Parameters:
    ///   - properties: sent with MQTT 5 only.
    ///   - completion: called exactly once, on the loop's thread, unless this throws.
    /// - Throws: ``MQTTCallError``; nothing was queued then.
    public func publish(
        topic: String, payload: [UInt8], qos: MQTTQoS = .atLeastOnce, retain: Bool = false,
        properties: MQTTPublishProperties = MQTTPublishProperties(),
        completion: (@Sendable (PublishOutcome) -> Void)? = nil
    ) throws(MQTTCallError) {
        guard MQTTTopic.isValidName(topic) else { throw .invalidTopic }
        if let responseTopic = properties.responseTopic, !MQTTTopic.isValidName(responseTopic) { throw .invalidTopic }
        guard payload.count <= 268_435_455, (properties.correlationData?.count ?? 0) <= 65_535 else {
            throw .payloadTooLarge
        }
        let publish = PendingPublish(
            topic: topic, payload: payload, qos: qos, retain: retain, properties: properties, completion: completion)
        let wakes = state.withLock { state -> Result<Bool, MQTTCallError> in
            if let refusal = state.refusal { return .failure(refusal) }
            guard state.publishes.count < options.queuedPublishesMax else { return .failure(.queueFull) }
            state.publishes.append(publish)
            // The loop looks again by itself as long as it left something in the queue.
            return .success(state.publishes.count == 1)
        }
        if try wakes.get() { mailbox.wake(session: id) }
    }

    /// The same, waiting for the outcome.
    /// - Returns: the reason code of the PUBACK (0, 16 = no subscriber, 128 and above = refused); 0 with QoS 0.
    /// - Throws: ``MQTTCallError``.
    @discardableResult
    public func publish(
        topic: String, payload: [UInt8], qos: MQTTQoS = .atLeastOnce, retain: Bool = false,
        properties: MQTTPublishProperties = MQTTPublishProperties()
    ) async throws -> UInt8 {
        let outcome = try await withCheckedThrowingContinuation {
            (waiter: CheckedContinuation<PublishOutcome, any Error>) in
            do {
                try publish(topic: topic, payload: payload, qos: qos, retain: retain, properties: properties) {
                    waiter.resume(returning: $0)
                }
            } catch {
                waiter.resume(throwing: error)
            }
        }
        switch outcome {
        case .acknowledged(let reasonCode): return reasonCode
        case .written: return 0
        case .refused(let failure): throw MQTTCallError.failed(failure)
        case .lost: throw MQTTCallError.lost
        }
    }

    // MARK: Subscribing

    /// Sends one SUBSCRIBE on the connection there is; without one it ends as `.lost`. It is not repeated after a
    /// reconnect: see ``Options/subscriptions``.
    /// - Parameter completion: called exactly once, on the loop's thread, with the codes of SUBACK.
    public func subscribe(
        _ filters: [String], qos: MQTTQoS = .atLeastOnce,
        completion: (@Sendable (Result<[UInt8], MQTTCallError>) -> Void)? = nil
    ) throws(MQTTCallError) {
        guard !filters.isEmpty, filters.allSatisfy(MQTTTopic.isValidFilter) else { throw .invalidTopic }
        try enqueue(.subscribe(filters, qos, completion))
    }

    /// The same, waiting for SUBACK.
    /// - Returns: a code per filter: 0…2 the QoS granted, 128 and above refused.
    @discardableResult
    public func subscribe(_ filters: [String], qos: MQTTQoS = .atLeastOnce) async throws -> [UInt8] {
        try await withCheckedThrowingContinuation { (waiter: CheckedContinuation<[UInt8], any Error>) in
            do {
                try subscribe(filters, qos: qos) { waiter.resume(with: $0.mapError { $0 as any Error }) }
            } catch {
                waiter.resume(throwing: error)
            }
        }
    }

    /// Sends one UNSUBSCRIBE on the connection there is; without one it ends as `.lost`.
    public func unsubscribe(
        _ filters: [String], completion: (@Sendable (Result<Void, MQTTCallError>) -> Void)? = nil
    ) throws(MQTTCallError) {
        guard !filters.isEmpty, filters.allSatisfy(MQTTTopic.isValidFilter) else { throw .invalidTopic }
        try enqueue(.unsubscribe(filters, completion))
    }

    private func enqueue(_ command: Command) throws(MQTTCallError) {
        let result = state.withLock { state -> Result<Void, MQTTCallError> in
            if let refusal = state.refusal { return .failure(refusal) }
            guard state.commands.count < Self.commandsMax else { return .failure(.queueFull) }
            state.commands.append(command)
            return .success(())
        }
        try result.get()
        mailbox.wake(session: id)
    }

    // MARK: Stopping

    /// Takes no more calls, waits for what is outstanding, sends DISCONNECT and frees the session. When it returns, no
    /// callback of this session runs or will run. Calling it again waits for the first. Not to be called from a
    /// handler.
    /// - Parameters:
    ///   - drain: how long to wait for acknowledgements, reconnecting if need be. What is left then ends as `.lost`.
    ///   - sendsDisconnect: `false` breaks the connection off, as a device does that loses power.
    public func stop(drain: Duration = .seconds(5), sendsDisconnect: Bool = true) async {
        let request = StopRequest(deadline: .now + drain, sendsDisconnect: sendsDisconnect)
        await withCheckedContinuation { waiter in
            let alreadyFinished = state.withLock { state in
                if state.isFinished { return true }
                state.refusal = .stopped
                if state.stop == nil { state.stop = request }
                state.waitingForFinish.append(waiter)
                return false
            }
            if alreadyFinished { waiter.resume() } else { mailbox.wake(session: id) }
        }
    }

    // MARK: For the driver

    func requestStop(_ request: StopRequest) {
        state.withLock {
            $0.refusal = .stopped
            if $0.stop == nil { $0.stop = request }
        }
    }

    var stopRequest: StopRequest? { state.withLock { $0.stop } }

    func takePublishes(upTo count: Int) -> [PendingPublish] {
        state.withLock { state in
            let taken = Array(state.publishes.prefix(count))
            state.publishes.removeFirst(taken.count)
            return taken
        }
    }

    /// Back to the front of the queue, where they came from.
    func putBack(_ publishes: ArraySlice<PendingPublish>) {
        state.withLock { $0.publishes.prepend(contentsOf: publishes) }
    }

    func takeCommands() -> [Command] {
        state.withLock { state in
            guard !state.commands.isEmpty else { return [] }
            defer { state.commands = [] }
            return state.commands
        }
    }

    func setConnected(_ isConnected: Bool) { state.withLock { $0.isConnected = isConnected } }

    /// From here on calls throw; gives back everything that was waiting.
    func refuseCalls() -> (publishes: [PendingPublish], commands: [Command]) {
        state.withLock { state in
            state.refusal = .stopped
            defer { (state.publishes, state.commands) = ([], []) }
            return (Array(state.publishes), state.commands)
        }
    }

    func finished() {
        let waiters = state.withLock { state in
            state.isFinished = true
            defer { state.waitingForFinish = [] }
            return state.waitingForFinish
        }
        for waiter in waiters { waiter.resume() }
    }
}

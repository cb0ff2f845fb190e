// DeviceClient+Requests.swift
//
// A request goes out at QoS 1 and is repeated, with the same `requestId`, until its reply is here: a PUBACK only says
// that the broker has it.

import Foundation

extension DeviceClient {
    // MARK: Calls

    /// Returns when the message is archived with its audience, on disk. Its copy in the own inbox is not handed over.
    /// - Throws: ``GatewayProblem`` when it was refused; ``DeviceClientError/noReply`` when that is not known: send the
    ///   same message, with the same id, again.
    @discardableResult
    public func send(_ message: OutgoingMessage) async throws -> SendReceipt {
        let own = noteOwn(message)
        do {
            return try SendReceipt(await request("send", message.json))
        } catch {
            forget(own, after: error)
            throw error
        }
    }

    /// As ``send(_:)-(OutgoingMessage)``, for senders of many messages at a time.
    /// - Parameter completion: called once: on the loop's thread, or on the caller's when nothing could be sent.
    public func send(
        _ message: OutgoingMessage, completion: @escaping @Sendable (Result<SendReceipt, any Error>) -> Void
    ) {
        let own = noteOwn(message)
        let refusal = start(
            "send", message.json.members ?? [],
            .call { [weak self] outcome in
                let receipt = Result { try SendReceipt(outcome.get()) }
                if case .failure(let error) = receipt { self?.forget(own, after: error) }
                completion(receipt)
            }, id: nextRequestID(), deadline: .now + options.requestTimeout)
        if let refusal { return completion(.failure(refusal)) }
        scheduleTimer()
    }

    /// The own copy is not handed over: it is known from now on.
    private func noteOwn(_ message: OutgoingMessage) -> (key: EntryKey, wasSeen: Bool) {
        let key = EntryKey(id: message.id, revision: 0)
        return state.withLock { state in
            defer { state.seen.insert(key) }
            return (key, state.seen.contains(key))
        }
    }

    /// A refused message has no copy, and its id may be that of a message still to come.
    private func forget(_ own: (key: EntryKey, wasSeen: Bool), after error: any Error) {
        if error is GatewayProblem, !own.wasSeen { state.withLock { $0.seen.remove(own.key) } }
    }

    /// Switches vendor pushes to this device on or off.
    public func setPushEnabled(_ isEnabled: Bool) async throws {
        _ = try await request("push", ["enabled": .bool(isEnabled)])
    }

    public enum AppState: String, Sendable {
        case foreground
        /// The gateway waits a shorter time for acknowledgements before it sends a vendor push.
        case background
    }

    public func setAppState(_ appState: AppState) async throws {
        _ = try await request("state", ["app": .string(appState.rawValue)])
    }

    /// The credential dies at once, and the broker ends the connection.
    public func deregister() async throws { _ = try await request("deregister", [:]) }

    /// Any operation of `up/{deviceId}/{op}`; the typed ones are built on it.
    /// - Parameter body: an object, without `requestId`.
    /// - Returns: the `result`.
    public func request(_ operation: String, _ body: JSONValue) async throws -> JSONValue {
        let id = nextRequestID()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (waiter: CheckedContinuation<JSONValue, any Error>) in
                let refusal = start(
                    operation, body.members ?? [], .call { waiter.resume(with: $0) }, id: id,
                    deadline: .now + options.requestTimeout)
                if let refusal { return waiter.resume(throwing: refusal) }
                scheduleTimer()
                if Task.isCancelled { cancel(id) }
            }
        } onCancel: {
            cancel(id)
        }
    }

    private func cancel(_ id: String) {
        let request = state.withLock { $0.requests.remove(id) }
        if case .call(let completion)? = request?.purpose { completion(.failure(CancellationError())) }
    }

    // MARK: Sending

    private func nextRequestID() -> String {
        state.withLock { state in
            defer { state.nextRequest += 1 }
            return "\(requestPrefix)-\(state.nextRequest)"
        }
    }

    /// For the client's own requests, of which there is one of each kind at most.
    func start(_ operation: String, _ members: KeyValuePairs<String, JSONValue?>, _ purpose: RequestTable.Purpose) {
        // Refused only while the client is being disconnected; then nothing waits for it.
        _ = start(operation, JSONValue.object(members).members ?? [], purpose, id: nextRequestID(), deadline: nil)
    }

    private func start(
        _ operation: String, _ members: [JSONValue.Member], _ purpose: RequestTable.Purpose, id: String,
        deadline: ContinuousClock.Instant?
    ) -> DeviceClientError? {
        let payload = JSONValue.object([JSONValue.Member("requestId", .string(id))] + members).bytes
        let request = RequestTable.Request(
            operation: operation, payload: payload, purpose: purpose, deadline: deadline,
            repeatAt: .now + options.repeatAfter, repeatAfter: options.repeatAfter * 2)
        let (refusal, isReady) = state.withLock { state -> (DeviceClientError?, Bool) in
            guard state.mqtt != nil else { return (.disconnected, false) }
            // Two more than callers may have: `sync` and `ack` always find room.
            let max = options.requestsWaitingMax + (deadline == nil ? 2 : 0)
            guard state.requests.count < max else { return (.tooManyRequests, false) }
            state.requests.add(id, request)
            return (nil, state.isReady)
        }
        if isReady { publish(request) }
        return refusal
    }

    private func publish(_ request: RequestTable.Request) {
        // A full queue or a stopped session: the request is repeated, or ends with its deadline.
        try? state.withLock { $0.mqtt }?.publish(
            topic: "\(topics.up)/\(request.operation)", payload: request.payload)
    }

    /// What was sent on an earlier connection may have been answered on it.
    func resendRequests() {
        let waiting = state.withLock { state in
            let waiting = state.requests.takeAll(now: .now, repeatAfter: options.repeatAfter)
            state.counters.requestsRepeated += Int64(waiting.count)
            return waiting
        }
        waiting.forEach(publish)
    }

    func repeatRequests(now: ContinuousClock.Instant) {
        let due = state.withLock { state -> [RequestTable.Request] in
            guard state.isReady else { return [] }
            let due = state.requests.takeDue(now: now)
            state.counters.requestsRepeated += Int64(due.count)
            return due
        }
        due.forEach(publish)
    }

    // MARK: Replies, on the loop's thread

    /// The gateway asks to be asked again: the request stays, and is repeated when its time has come.
    private static let laterCodes: Set<String> = ["overloaded", "rate_limited", "internal_error"]

    func receivedReply(_ payload: [UInt8]) {
        guard let reply = Reply(payload) else {
            return state.withLock { $0.counters.unreadable += 1 }
        }
        if !reply.isOK, Self.laterCodes.contains(reply.problem().code) { return }
        // `nil`: the reply to a repeat.
        guard let request = state.withLock({ $0.requests.remove(reply.requestID) }) else { return }
        switch request.purpose {
        case .call(let completion): completion(reply.outcome())
        case .acknowledge(let acknowledgement): receivedAcknowledgementReply(reply, acknowledgement)
        case .sync(let after, let broadcastAfter):
            receivedPage(reply, after: after, broadcastAfter: broadcastAfter)
        }
        synchronizeIfNeeded()
        scheduleTimer()
    }
}

// SessionDriver.swift
//
// The half of a session that lives on the loop's thread: connects, reads, writes, keeps the window of outstanding
// publishes and decides when to connect again. Nothing here is used by another thread.

import CLinux
import Glibc

final class SessionDriver: MosquittoHandleOwner {
    enum Phase {
        /// Waits for one of the loop's places for connecting sessions.
        case queued
        /// A name is being looked up on another thread; with TLS that thread is also using the handle.
        case resolving
        case connecting(deadline: ContinuousClock.Instant)
        case connected(since: ContinuousClock.Instant)
        case waiting(until: ContinuousClock.Instant)
        /// Will not connect again.
        case halted
    }

    private struct Outstanding {
        let qos: MQTTQoS
        let completion: (@Sendable (PublishOutcome) -> Void)?
    }

    private enum PendingAnswer {
        case subscribe([String], (@Sendable (Result<[UInt8], MQTTCallError>) -> Void)?)
        case unsubscribe([String], (@Sendable (Result<Void, MQTTCallError>) -> Void)?)
    }

    let session: MQTTSession
    private unowned let loop: LoopDriver
    private var handle: MosquittoHandle?
    private(set) var phase = Phase.queued
    private var options: MQTTSession.Options { session.options }

    /// The socket that is registered with epoll, and for what.
    private var registered: (socket: Int32, events: UInt32)?
    private var tcpIsOpen = false
    private var closeReason: MQTTDisconnectReason?
    private var refusedCode: UInt8?

    private var addresses: [String] = []
    private var nextAddress = 0
    /// Failures in a row, for the back-off.
    private var failures = 0

    private var outstanding: [UInt16: Outstanding] = [:]
    private var answers: [UInt16: PendingAnswer] = [:]
    private var lastPacketID: UInt16 = 0
    private var window: Int
    private var packetBytesMax: Int?
    /// Grows with each packet that ended in a callback.
    private var packetsRead: UInt64 = 0
    private var messagesInBatch = 0

    private var stop: MQTTSession.StopRequest?
    private var isFinished = false

    /// `mosquitto_loop_read` takes as many packets as messages are outstanding, but at least one. Several rounds make a
    /// batch; the bound keeps the other sessions of the loop from waiting.
    private static let readRoundsMax = 256

    init(session: MQTTSession, loop: LoopDriver) {
        self.session = session
        self.loop = loop
        self.window = session.options.outstandingPublishesMax
    }

    // MARK: Connecting

    /// The loop has a place for this session.
    func beginConnecting() {
        guard case .queued = phase, !isFinished else { return loop.connectingEnded(self) }
        if addresses.isEmpty {
            if AddressResolver.isAddress(options.host) {
                addresses = [options.host]
                nextAddress = 0
            } else if options.tls == nil {
                phase = .resolving
                return loop.resolve(options.host, for: session.id)
            }
        }
        guard let handle = preparedHandle() else { return }
        if options.tls != nil, addresses.isEmpty {
            // The library compares the certificate with the name it was given, so it must get the name; looking it up
            // may block, hence not on this thread. Until the answer is back, only that thread uses the handle.
            phase = .resolving
            let lent = LentHandle(handle: handle)
            let (host, port, keepAlive) = (options.host, options.port, options.keepAliveSeconds)
            loop.performElsewhere(for: session.id) {
                lent.handle.connect(host: host, port: port, keepAliveSeconds: keepAlive)
            }
            return
        }
        let address = addresses[nextAddress]
        nextAddress += 1
        connectStarted(
            code: handle.connect(host: address, port: options.port, keepAliveSeconds: options.keepAliveSeconds),
            systemError: errno)
    }

    /// The handle with fresh credentials, or `nil` after an attempt that failed.
    private func preparedHandle() -> MosquittoHandle? {
        do throws(MQTTFailure) {
            let handle: MosquittoHandle
            if let existing = self.handle {
                handle = existing
            } else {
                handle = try MosquittoHandle(options: options, owner: self)
                self.handle = handle
            }
            let password = options.password?()
            guard password?.utf8.contains(0) != true else {
                throw MQTTFailure(.invalidCredentials, "the password contains NUL")
            }
            let code = handle.setCredentials(username: options.username, password: password)
            guard code == 0 else { throw MQTTFailure(library: code) }
            return handle
        } catch {
            attemptFailed(error)
            return nil
        }
    }

    func resolved(_ result: Result<[String], MQTTFailure>) {
        guard case .resolving = phase else { return }
        if isFinished { return }
        switch result {
        case .success(let found):
            addresses = found
            nextAddress = 0
            phase = .queued
            beginConnecting()
        case .failure(let failure): attemptFailed(failure)
        }
        finishIfDrained()
    }

    func connectStartedElsewhere(code: Int32) {
        guard case .resolving = phase else { return }
        connectStarted(code: code, systemError: 0)
        finishIfDrained()
    }

    private func connectStarted(code: Int32, systemError: Int32) {
        guard let handle, code == 0, handle.socket >= 0 else {
            return attemptFailed(
                MQTTFailure(library: code == 0 ? MosquittoCode.noConnection : code, systemError: systemError))
        }
        // A child process that inherited the socket would keep it in the epoll set after the library closed it.
        _ = fcntl(handle.socket, F_SETFD, FD_CLOEXEC)
        tcpIsOpen = false
        closeReason = nil
        refusedCode = nil
        let deadline = ContinuousClock.now + options.connectTimeout
        phase = .connecting(deadline: deadline)
        loop.wakeUp(session.id, at: deadline)
        updateInterest()
    }

    private func attemptFailed(_ failure: MQTTFailure) {
        unregister()
        let isFirstOfSeveral = failure.kind == .network && nextAddress < addresses.count
        if isFirstOfSeveral {
            phase = .queued
            loop.connectingEnded(self)
            return loop.queueForConnecting(self)
        }
        phase = .halted
        loop.connectingEnded(self)
        session.handler(session, .connectFailed(failure))
        scheduleReconnect()
    }

    private func scheduleReconnect() {
        // A name is looked up again for each round; its addresses may have changed.
        addresses = []
        nextAddress = 0
        let delay = options.reconnectDelay.delay(attempt: failures, chance: loop.chance())
        failures += 1
        let until = ContinuousClock.now + delay
        phase = .waiting(until: until)
        loop.wakeUp(session.id, at: until)
    }

    // MARK: What the loop calls

    func timerFired(now: ContinuousClock.Instant) {
        switch phase {
        case .connecting(let deadline) where now >= deadline:
            attemptFailed(MQTTFailure(.connectTimedOut, "no CONNACK within \(options.connectTimeout)"))
        case .waiting(let until) where now >= until:
            phase = .queued
            loop.queueForConnecting(self)
        default: break
        }
        finishIfDrained()
    }

    /// Once a second.
    func tick() {
        guard case .connected = phase, let handle else { return }
        _ = handle.misc()
        guard handle.socket >= 0 else { return connectionEnded(code: MosquittoCode.keepAlive) }
        flush()
    }

    /// Another thread has queued something.
    func service() {
        if stop == nil, let request = session.stopRequest {
            stop = request
            loop.wakeUp(session.id, at: request.deadline)
        }
        runCommands()
        pump()
        flush()
        finishIfDrained()
    }

    func socketIsReady(events: UInt32) {
        guard let handle else { return }
        if case .connecting = phase, !tcpIsOpen, events & EPOLLOUT.rawValue != 0 { tcpIsOpen = true }
        // During a TLS handshake reading is what drives it, also when the socket became writable.
        let drivesHandshake = options.tls != nil && isConnecting
        if events & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue | EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0
            || drivesHandshake
        {
            read(handle)
        }
        guard isOpen else { return finishIfDrained() }
        if isConnecting, events & (EPOLLERR.rawValue | EPOLLHUP.rawValue | EPOLLRDHUP.rawValue) != 0 {
            // In a TLS handshake the library takes the end of the connection for "not ready yet".
            attemptFailed(MQTTFailure(options.tls == nil ? .network : .tls, "closed before CONNACK"))
            return finishIfDrained()
        }
        runCommands()
        pump()
        flush()
        finishIfDrained()
    }

    private var isConnecting: Bool { if case .connecting = phase { true } else { false } }
    private var isConnected: Bool { if case .connected = phase { true } else { false } }
    private var isOpen: Bool { isConnecting || isConnected }

    // MARK: Reading and writing

    private func read(_ handle: MosquittoHandle) {
        messagesInBatch = 0
        var code: Int32 = 0
        for _ in 0..<Self.readRoundsMax {
            let before = packetsRead
            code = handle.read()
            if handle.socket < 0 || packetsRead == before { break }
        }
        if messagesInBatch > 0 { session.handler(session, .readBatchEnded) }
        if handle.socket < 0 { connectionEnded(code: code) }
    }

    private func flush() {
        guard isConnected || (isConnecting && tcpIsOpen), let handle else { return }
        if handle.wantsWrite {
            let code = handle.write()
            if handle.socket < 0 { return connectionEnded(code: code) }
            // QoS 0 publishes complete when they are written, which makes room for the next ones.
            if outstanding.count < window, isConnected { pump() }
        }
        updateInterest()
    }

    private func connectionEnded(code: Int32) {
        registered = nil  // closing a socket takes it out of the epoll set
        session.setConnected(false)
        let reason = closeReason ?? .failure(MQTTFailure(library: code))
        closeReason = nil
        loseWhatDiesWithTheConnection()
        switch phase {
        case .connected(let since):
            if ContinuousClock.now - since > .seconds(5) { failures = 0 }
            phase = .halted
            session.handler(session, .disconnected(reason))
            if !isFinished { scheduleReconnect() }
        case .connecting:
            if let refusedCode {
                phase = .halted
                loop.connectingEnded(self)
                session.handler(
                    session, .connectRefused(code: refusedCode, willRetry: options.retriesWhenRefused))
                if options.retriesWhenRefused { scheduleReconnect() } else { giveUp() }
            } else if case .failure(let failure) = reason {
                attemptFailed(failure)
            } else {
                attemptFailed(MQTTFailure(.network, "closed before CONNACK"))
            }
        case .queued, .resolving, .waiting, .halted: break
        }
    }

    /// The broker refuses this session and it was told not to try again.
    private func giveUp() {
        let (publishes, commands) = session.refuseCalls()
        completeAll(as: .lost)
        for publish in publishes { publish.completion?(.lost) }
        for command in commands { lose(command) }
    }

    // MARK: Registration with epoll

    private func updateInterest() {
        guard isOpen, let handle, handle.socket >= 0 else { return }
        var events = EPOLLIN.rawValue | EPOLLRDHUP.rawValue
        if handle.wantsWrite || (isConnecting && !tcpIsOpen) { events |= EPOLLOUT.rawValue }
        let socket = handle.socket
        if let registered, registered.socket == socket {
            if registered.events != events { loop.modify(socket: socket, events: events, session: session.id) }
        } else {
            loop.add(socket: socket, events: events, session: session.id)
        }
        registered = (socket, events)
    }

    /// For a socket the library still holds open: it is closed by the next connect or with the handle.
    private func unregister() {
        if let registered { loop.remove(socket: registered.socket) }
        registered = nil
    }

    // MARK: Publishing

    /// Fills the window from the queue. Only on a connection: what the library is given while there is none would be
    /// sent in front of what it has to repeat.
    private func pump() {
        guard isConnected, let handle else { return }
        while outstanding.count < window {
            let batch = session.takePublishes(upTo: window - outstanding.count)
            if batch.isEmpty { return }
            for (index, publish) in batch.enumerated() {
                guard nextPacketIDIsFree else {
                    // Packet ids wrapped around to one that was never acknowledged; the library would use it twice.
                    session.putBack(batch[index...])
                    return
                }
                send(publish, with: handle)
            }
        }
    }

    private var nextPacketIDIsFree: Bool {
        let next = lastPacketID == .max ? 1 : lastPacketID + 1
        return outstanding[next] == nil && answers[next] == nil
    }

    private func send(_ publish: PendingPublish, with handle: MosquittoHandle) {
        if let limit = packetBytesMax,
            PublishPacket.byteCount(of: publish, isVersion5: handle.isVersion5) > limit
        {
            publish.completion?(.refused(MQTTFailure(.packetTooLarge, "the limit is \(limit) bytes")))
            return
        }
        let (code, packetID) = handle.publish(publish)
        if packetID != 0 { lastPacketID = packetID }
        let isOwnedByLibrary = code == 0 || (code == MosquittoCode.noConnection && publish.qos == .atLeastOnce)
        guard isOwnedByLibrary else {
            publish.completion?(.refused(MQTTFailure(library: code)))
            return
        }
        outstanding[packetID] = Outstanding(qos: publish.qos, completion: publish.completion)
    }

    private func loseWhatDiesWithTheConnection() {
        for (packetID, entry) in outstanding where entry.qos == .atMostOnce {
            outstanding[packetID] = nil
            entry.completion?(.lost)
        }
        let unanswered = answers.values
        answers = [:]
        for answer in unanswered { lose(answer) }
    }

    private func completeAll(as outcome: PublishOutcome) {
        let entries = outstanding.values
        outstanding = [:]
        for entry in entries { entry.completion?(outcome) }
    }

    // MARK: Subscribing

    private func runCommands() {
        for command in session.takeCommands() {
            guard isConnected, nextPacketIDIsFree else {
                lose(command)
                continue
            }
            switch command {
            case .subscribe(let filters, let qos, let completion): subscribe(filters, qos: qos, completion: completion)
            case .unsubscribe(let filters, let completion):
                guard let (code, packetID) = handle?.unsubscribe(filters) else { continue }
                if packetID != 0 { lastPacketID = packetID }
                if code == 0 {
                    answers[packetID] = .unsubscribe(filters, completion)
                } else {
                    completion?(.failure(.failed(MQTTFailure(library: code))))
                }
            }
        }
    }

    private func subscribe(
        _ filters: [String], qos: MQTTQoS, completion: (@Sendable (Result<[UInt8], MQTTCallError>) -> Void)?
    ) {
        guard let (code, packetID) = handle?.subscribe(filters, qos: qos) else { return }
        if packetID != 0 { lastPacketID = packetID }
        if code == 0 {
            answers[packetID] = .subscribe(filters, completion)
        } else {
            completion?(.failure(.failed(MQTTFailure(library: code))))
        }
    }

    private func makeStandingSubscriptions() {
        for qos in [MQTTQoS.atMostOnce, .atLeastOnce] {
            let filters = options.subscriptions.filter { $0.qos == qos }.map(\.filter)
            if !filters.isEmpty { subscribe(filters, qos: qos, completion: nil) }
        }
    }

    private func lose(_ command: MQTTSession.Command) {
        switch command {
        case .subscribe(_, _, let completion): completion?(.failure(.lost))
        case .unsubscribe(_, let completion): completion?(.failure(.lost))
        }
    }

    private func lose(_ answer: PendingAnswer) {
        switch answer {
        case .subscribe(_, let completion): completion?(.failure(.lost))
        case .unsubscribe(_, let completion): completion?(.failure(.lost))
        }
    }

    // MARK: MosquittoHandleOwner

    func received(connack code: UInt8, sessionPresent: Bool, limits: BrokerLimits) {
        packetsRead += 1
        guard code == 0 else {
            refusedCode = code
            return
        }
        // With a list no longer than the broker's Receive Maximum the library never holds messages back itself.
        window = min(options.outstandingPublishesMax, limits.receiveMaximum ?? .max)
        packetBytesMax = [options.packetBytesMax, limits.packetBytesMax].compactMap { $0 }.min()
        phase = .connected(since: .now)
        loop.connectingEnded(self)
        session.setConnected(true)
        makeStandingSubscriptions()
        session.handler(session, .connected(sessionPresent: sessionPresent))
    }

    func received(message: MQTTMessage) {
        packetsRead += 1
        messagesInBatch += 1
        session.handler(session, .message(message))
    }

    func completed(publish packetID: UInt16, reasonCode: UInt8) {
        packetsRead += 1
        guard let entry = outstanding.removeValue(forKey: packetID) else { return }
        entry.completion?(entry.qos == .atMostOnce ? .written : .acknowledged(reasonCode: reasonCode))
    }

    func completed(subscribe packetID: UInt16, granted: [UInt8]) {
        packetsRead += 1
        guard case .subscribe(let filters, let completion)? = answers.removeValue(forKey: packetID) else { return }
        session.handler(session, .subscribed(filters: filters, granted: granted))
        completion?(.success(granted))
    }

    func completed(unsubscribe packetID: UInt16) {
        packetsRead += 1
        guard case .unsubscribe(let filters, let completion)? = answers.removeValue(forKey: packetID) else { return }
        session.handler(session, .unsubscribed(filters: filters))
        completion?(.success(()))
    }

    func closed(code: Int32, systemError: Int32) {
        closeReason =
            switch code {
            case 0: .requested
            case 128...255: .byBroker(reasonCode: UInt8(truncatingIfNeeded: code))
            default: .failure(MQTTFailure(library: code, systemError: systemError))
            }
    }

    // MARK: Stopping

    private func finishIfDrained() {
        guard let stop, !isFinished else { return }
        let isDrained: Bool =
            switch phase {
            case .halted: true
            default: outstanding.isEmpty && session.queuedPublishes == 0
            }
        guard isDrained || ContinuousClock.now >= stop.deadline else { return }
        // The handle is in use on the resolver's thread: finished when it is back.
        if case .resolving = phase, options.tls != nil { return }
        finish(sendsDisconnect: stop.sendsDisconnect)
    }

    private func finish(sendsDisconnect: Bool) {
        isFinished = true
        let (publishes, commands) = session.refuseCalls()
        if isConnected, sendsDisconnect, let handle {
            _ = handle.disconnect()
            _ = handle.write()
        }
        if let registered, handle?.socket == registered.socket { loop.remove(socket: registered.socket) }
        registered = nil
        if isConnected {
            session.setConnected(false)
            session.handler(session, .disconnected(.requested))
        }
        handle = nil
        loseWhatDiesWithTheConnection()
        completeAll(as: .lost)
        for publish in publishes { publish.completion?(.lost) }
        for command in commands { lose(command) }
        phase = .halted
        loop.connectingEnded(self)
        loop.forget(self)
        session.finished()
    }
}

/// A handle on loan to the resolver's thread. Safe because the session stays in `.resolving` until that thread has
/// answered, and in that phase the loop's thread does not touch the handle.
struct LentHandle: @unchecked Sendable {
    let handle: MosquittoHandle
}

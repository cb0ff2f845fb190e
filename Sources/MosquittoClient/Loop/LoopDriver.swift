// LoopDriver.swift
//
// The loop's thread: waits on epoll, hands readiness, timers and the mailbox to the sessions. Nothing here is used by
// another thread.

import CLinux
import DequeModule
import Glibc
import HeapModule

final class LoopDriver {
    private struct SessionTimer: Comparable {
        let at: ContinuousClock.Instant
        let session: UInt64

        static func < (left: SessionTimer, right: SessionTimer) -> Bool { left.at < right.at }
    }

    private let mailbox: LoopMailbox
    /// What others want to be called for.
    private let timers: LoopTimers
    private let epoll: Int32
    private let connectingMax: Int
    private let resolver = AddressResolver()
    private var random = SystemRandomNumberGenerator()

    private var sessions: [UInt64: SessionDriver] = [:]
    /// Never cancelled: a session that is woken too early looks at its own deadline.
    private var sessionTimers = Heap<SessionTimer>()
    private var nextTick = ContinuousClock.now + LoopDriver.tickInterval
    /// Sessions between TCP connect and CONNACK, and those that wait for a place.
    private var connecting: Set<UInt64> = []
    private var waitingToConnect = Deque<UInt64>()
    private var shutDown: (request: MQTTSession.StopRequest, waiters: [CheckedContinuation<Void, Never>])?

    /// The library wants `mosquitto_loop_misc` at least once a second.
    private static let tickInterval = Duration.seconds(1)
    /// The wake-up socket's mark in epoll; session ids begin at 1.
    private static let wakeMark: UInt64 = 0
    private static let eventsMax = 512

    init(mailbox: LoopMailbox, timers: LoopTimers, epoll: Int32, connectingMax: Int) {
        self.mailbox = mailbox
        self.timers = timers
        self.epoll = epoll
        self.connectingMax = connectingMax
    }

    func run() {
        mailbox.enterLoopThread()
        add(socket: mailbox.wakeSocket, events: EPOLLIN.rawValue, session: Self.wakeMark)
        let events = UnsafeMutableBufferPointer<epoll_event>.allocate(capacity: Self.eventsMax)
        defer { events.deallocate() }
        while shutDown == nil || !sessions.isEmpty {
            let count = epoll_wait(epoll, events.baseAddress, Int32(events.count), millisecondsToWait())
            for event in events.prefix(Int(max(count, 0))) {
                if event.data.u64 == Self.wakeMark {
                    mailbox.clearSignal()
                } else {
                    sessions[event.data.u64]?.socketIsReady(events: event.events)
                }
            }
            runTimers()
            readMail()
            startConnecting()
        }
        end()
    }

    private func end() {
        var waiters = shutDown?.waiters ?? []
        for item in mailbox.close() {
            switch item {
            case .shutDown(_, let waiter): waiters.append(waiter)
            case .add(let session): refuse(session)
            case .resolved, .connectStarted: break
            }
        }
        close(epoll)
        timers.close()
        for waiter in waiters { waiter.resume() }
    }

    private func readMail() {
        let (items, woken) = mailbox.take()
        for item in items {
            switch item {
            case .add(let session): take(session)
            case .resolved(let id, let result): sessions[id]?.resolved(result)
            case .connectStarted(let id, let code): sessions[id]?.connectStartedElsewhere(code: code)
            case .shutDown(let request, let waiter): beginShutDown(request, waiter)
            }
        }
        for id in woken { sessions[id]?.service() }
    }

    private func take(_ session: MQTTSession) {
        guard shutDown == nil else { return refuse(session) }
        let driver = SessionDriver(session: session, loop: self)
        sessions[session.id] = driver
        queueForConnecting(driver)
    }

    /// A session that came when the loop was ending.
    private func refuse(_ session: MQTTSession) {
        let (publishes, commands) = session.refuseCalls()
        for publish in publishes { publish.completion?(.lost) }
        for command in commands {
            switch command {
            case .subscribe(_, _, let completion): completion?(.failure(.lost))
            case .unsubscribe(_, let completion): completion?(.failure(.lost))
            }
        }
        session.finished()
    }

    private func beginShutDown(_ request: MQTTSession.StopRequest, _ waiter: CheckedContinuation<Void, Never>) {
        shutDown = (shutDown?.request ?? request, (shutDown?.waiters ?? []) + [waiter])
        for driver in Array(sessions.values) {
            driver.session.requestStop(request)
            driver.service()
        }
    }

    // MARK: Time

    private func millisecondsToWait() -> Int32 {
        guard mailbox.isEmpty else { return 0 }
        let due = min(nextTick, sessionTimers.min?.at ?? nextTick, timers.next ?? nextTick)
        let wait = due - ContinuousClock.now
        guard wait > .zero else { return 0 }
        return Int32(clamping: Int64(wait / .milliseconds(1)) + 1)
    }

    private func runTimers() {
        let now = ContinuousClock.now
        while let timer = sessionTimers.min, timer.at <= now {
            sessionTimers.removeMin()
            sessions[timer.session]?.timerFired(now: now)
        }
        timers.run(now: now)
        guard now >= nextTick else { return }
        nextTick = now + Self.tickInterval
        for driver in Array(sessions.values) { driver.tick() }
    }

    func wakeUp(_ session: UInt64, at instant: ContinuousClock.Instant) {
        sessionTimers.insert(SessionTimer(at: instant, session: session))
    }

    /// In 0..<1.
    func chance() -> Double { Double.random(in: 0..<1, using: &random) }

    // MARK: Connecting

    func queueForConnecting(_ driver: SessionDriver) {
        waitingToConnect.append(driver.session.id)
    }

    func connectingEnded(_ driver: SessionDriver) {
        connecting.remove(driver.session.id)
    }

    private func startConnecting() {
        while connecting.count < connectingMax, let id = waitingToConnect.popFirst() {
            guard let driver = sessions[id] else { continue }
            connecting.insert(id)
            driver.beginConnecting()
        }
    }

    func resolve(_ host: String, for session: UInt64) {
        resolver.perform { [mailbox] in
            // A loop that has ended needs no answer.
            _ = mailbox.post(.resolved(session: session, AddressResolver.addresses(of: host)))
        }
    }

    /// Runs the connect call of a session on the resolver's thread.
    func performElsewhere(for session: UInt64, _ connect: @escaping @Sendable () -> Int32) {
        resolver.perform { [mailbox] in
            _ = mailbox.post(.connectStarted(session: session, code: connect()))
        }
    }

    func forget(_ driver: SessionDriver) {
        sessions[driver.session.id] = nil
    }

    // MARK: epoll

    func add(socket: Int32, events: UInt32, session: UInt64) { control(EPOLL_CTL_ADD, socket, events, session) }
    func modify(socket: Int32, events: UInt32, session: UInt64) { control(EPOLL_CTL_MOD, socket, events, session) }
    func remove(socket: Int32) { control(EPOLL_CTL_DEL, socket, 0, 0) }

    private func control(_ operation: Int32, _ socket: Int32, _ events: UInt32, _ session: UInt64) {
        var event = epoll_event()
        event.events = events
        event.data.u64 = session
        if epoll_ctl(epoll, operation, socket, &event) != 0, operation == EPOLL_CTL_MOD, errno == ENOENT {
            epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event)
        }
    }
}

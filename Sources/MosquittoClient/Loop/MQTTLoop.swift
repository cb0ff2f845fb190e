import CLinux
import Glibc
import Synchronization

/// One thread that drives any number of MQTT sessions with `epoll`. Thousands of simulated devices fit into one loop;
/// socket numbers above 1023 are fine.
///
/// Callbacks of all its sessions run on that thread, one after the other: a slow handler holds up every session.
public final class MQTTLoop: Sendable {
    private let mailbox: LoopMailbox
    private let timers = LoopTimers()
    private let nextID = Atomic<UInt64>(1)

    /// Starts the thread. It runs until ``shutdown(drain:)``.
    /// - Parameter connectingMax: sessions that may be between TCP connect and CONNACK at the same time; the others
    ///   wait. Mosquitto's listen backlog is 100, and a SYN beyond it costs a second.
    /// - Throws: ``MQTTFailure`` when the system has no descriptor or thread left.
    public init(connectingMax: Int = 64) throws {
        precondition(connectingMax > 0, "no session could ever connect")
        let wakeSocket = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard wakeSocket >= 0 else { throw MQTTFailure(.other, "eventfd: \(String(cString: strerror(errno)))") }
        mailbox = LoopMailbox(wakeSocket: wakeSocket)
        let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard epoll >= 0 else { throw MQTTFailure(.other, "epoll: \(String(cString: strerror(errno)))") }
        try Self.startThread(LoopStart(mailbox: mailbox, timers: timers, epoll: epoll, connectingMax: connectingMax))
    }

    /// Makes a session and starts connecting.
    /// - Throws: ``MQTTCallError/invalidOption(_:)``, or ``MQTTCallError/stopped`` after `shutdown`.
    public func makeSession(
        _ options: MQTTSession.Options, handler: @escaping MQTTSession.Handler
    ) throws(MQTTCallError) -> MQTTSession {
        try options.validate()
        let id = nextID.wrappingAdd(1, ordering: .relaxed).oldValue
        let session = MQTTSession(id: id, options: options, handler: handler, mailbox: mailbox)
        guard mailbox.post(.add(session)) else { throw .stopped }
        return session
    }

    /// Calls the body later, on the loop's thread: not after ``shutdown(drain:)`` has returned, and never earlier than
    /// asked for.
    public func schedule(after delay: Duration, _ body: @escaping @Sendable () -> Void) {
        let isFirst = timers.add(at: .now + delay, body)
        // The loop's own thread looks at its timers before it waits again.
        if isFirst, !mailbox.isOnLoopThread { mailbox.wakeLoop() }
    }

    /// Stops every session as ``MQTTSession/stop(drain:sendsDisconnect:)`` does and ends the thread. No callback runs
    /// after it returned. Not to be called from a handler.
    public func shutdown(drain: Duration = .seconds(5)) async {
        let request = MQTTSession.StopRequest(deadline: .now + drain, sendsDisconnect: true)
        await withCheckedContinuation { waiter in
            if !mailbox.post(.shutDown(request, waiter)) { waiter.resume() }
        }
    }

    private static func startThread(_ start: LoopStart) throws {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(start).toOpaque()
        let code = pthread_create(&thread, nil, MQTTLoop.threadMain, context)
        guard code == 0 else {
            Unmanaged<LoopStart>.fromOpaque(context).release()
            close(start.epoll)
            throw MQTTFailure(.other, "thread: \(String(cString: strerror(code)))")
        }
        pthread_detach(thread)
    }

    private static let threadMain: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
        guard let context else { return nil }
        let start = Unmanaged<LoopStart>.fromOpaque(context).takeRetainedValue()
        LoopDriver(
            mailbox: start.mailbox, timers: start.timers, epoll: start.epoll, connectingMax: start.connectingMax
        ).run()
        return nil
    }
}

private final class LoopStart: Sendable {
    let mailbox: LoopMailbox
    let timers: LoopTimers
    let epoll: Int32
    let connectingMax: Int

    init(mailbox: LoopMailbox, timers: LoopTimers, epoll: Int32, connectingMax: Int) {
        self.mailbox = mailbox
        self.timers = timers
        self.epoll = epoll
        self.connectingMax = connectingMax
    }
}

import PushGateClient
import Synchronization

/// One simulated device: a client of its own, and what can happen to a device.
public final class SimulatedDevice: Sendable {
    public let index: Int
    public let session: DeviceSession
    public let client: DeviceClient

    public var userID: String { session.userID }
    public var account: String { session.account }

    init(
        index: Int, session: DeviceSession, loop: ClientLoop, options: DeviceClient.Options,
        behaviour: DeviceBehaviour, record: @escaping @Sendable (Int, DeviceEvent) -> Void
    ) {
        self.index = index
        self.session = session
        var options = options
        options.acknowledgement = behaviour.acknowledgement
        let pace = behaviour.readsOneEntryPer.map(ReadingPace.init)
        if let pause = behaviour.readsOneEntryPer { options.repeatAfter = min(options.repeatAfter, pause) }
        client = DeviceClient(session, loop: loop, options: options) { _, event in
            if case .entry = event, let pace, !pace.mayRead() { throw StillReading() }
            record(index, event)
        }
    }

    /// Begins to connect, also after ``goOffline()`` and ``vanish()``.
    public func comeOnline() throws { try client.connect() }

    /// Says goodbye to the broker.
    public func goOffline() async { await client.disconnect() }

    /// The connection breaks off without DISCONNECT.
    public func vanish() async { await client.disconnect(sendsDisconnect: false) }
}

/// The device has not finished with the entry before.
private struct StillReading: Error {}

private final class ReadingPace: Sendable {
    private let pause: Duration
    private let freeAt = Mutex(ContinuousClock.now)

    init(pause: Duration) { self.pause = pause }

    func mayRead() -> Bool {
        let now = ContinuousClock.now
        return freeAt.withLock { freeAt in
            guard now >= freeAt else { return false }
            freeAt = now + pause
            return true
        }
    }
}

import PushGateClient
import Synchronization
import TestWaiting

/// A connected device and every entry it was handed, in the order in which it came.
final class LiveDevice: Sendable {
    private final class Log: Sendable {
        let entries = Mutex<[Entry]>([])
    }

    let client: DeviceClient
    private let log: Log

    init(_ session: DeviceSession, loop: ClientLoop) {
        var options = DeviceClient.Options()
        options.requestTimeout = .seconds(60)
        options.reconnectInitial = .milliseconds(50)
        options.reconnectMaximum = .milliseconds(300)
        let log = Log()
        self.log = log
        client = DeviceClient(session, loop: loop, options: options) { _, event in
            if case .entry(let entry) = event { log.entries.withLock { $0.append(entry) } }
        }
    }

    /// What came after the first `count` entries.
    func entries(after count: Int) -> ArraySlice<Entry> { log.entries.withLock { $0[count...] } }

    /// Waits until it has everything up to `head`.
    func reach(_ head: Int64, within limit: Duration = .seconds(30)) async throws {
        try await eventually("\(client.deviceID) receives entry \(head)", within: limit) {
            client.lastContiguousSeq >= head
        }
    }
}

import PushGateClient
import Synchronization
import TestWaiting

/// A device by the client library, with everything that it reported.
final class StoryDevice: Sendable {
    let session: DeviceSession
    let client: DeviceClient
    private let log: EventLog

    final class EventLog: Sendable {
        let events = Mutex<[DeviceEvent]>([])
    }

    init(_ session: DeviceSession, loop: ClientLoop, options change: (inout DeviceClient.Options) -> Void = { _ in }) {
        var options = DeviceClient.Options()
        options.repeatAfter = .seconds(1)
        options.reconnectInitial = .milliseconds(50)
        options.reconnectMaximum = .milliseconds(300)
        change(&options)
        let log = EventLog()
        self.log = log
        self.session = session
        client = DeviceClient(session, loop: loop, options: options) { _, event in
            log.events.withLock { $0.append(event) }
        }
    }

    /// Connected and caught up when it returns.
    func connect() async throws {
        let before = events.count { $0 == .caughtUp }
        try client.connect()
        try await eventually("\(session.userID) is connected and has caught up") {
            events.count { $0 == .caughtUp } > before
        }
    }

    var account: String { session.account }
    var events: [DeviceEvent] { log.events.withLock { $0 } }
    var received: [Entry] { events.compactMap { if case .entry(let entry) = $0 { entry } else { nil } } }
    var ids: [String] { received.map(\.id) }

    /// The entry with this id, once it is here.
    func entry(_ id: String, within limit: Duration = .seconds(20)) async throws -> Entry {
        try await eventually("\(session.userID) receives \(id)", within: limit) { received.first { $0.id == id } }
    }

    /// Everything in the inbox, by `sync` over HTTP, page by page.
    static func inbox(_ api: GatewayAPI, limit: Int = 500) async throws -> [Entry] {
        var found: [Entry] = []
        while true {
            let page = try await api.sync(after: found.last?.seq ?? 0, limit: limit)
            found += page.items
            if !page.more || page.items.isEmpty { return found }
        }
    }
}

import Logging
import PushTestSupport
import Testing

@testable import PushCore

@Suite struct PresenceReporterTests {
    private let store = MemoryWebhookStore()
    private let presence = PresenceBook()
    private let reporter: PresenceReporter

    init() async throws {
        reporter = PresenceReporter(
            store: store, presence: presence, clock: WallClock { 50 },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let settings = WebhookSettings(url: "https://hooks.example.com", secret: "whsec_")
        try await store.setWebhook(settings, of: TenantKey(rawValue: 1), at: 0)
    }

    private func connection(_ device: String, _ number: UInt64 = 1, at: Milliseconds = 1) -> DeviceConnection {
        DeviceConnection(connection: number, deviceID: device, at: at)
    }

    private func apply(_ changes: [PresenceChange]) {
        presence.apply(changes)
        reporter.note(changes)
    }

    /// Ends the doubt with these connections there.
    private func settle(_ connections: [DeviceConnection] = []) async throws {
        let doubt = presence.snapshot(connections)
        try #require(presence.endDoubt(doubt))
        reporter.doubtEnded()
        try await reporter.report()
    }

    /// `+a` for one that came, `-a` for one that went.
    private var told: [String] {
        store.recordedPresence.map { change in
            switch change {
            case .connected(let connection): "+\(connection.deviceID)"
            case .disconnected(let connection): "-\(connection.deviceID)"
            }
        }
    }

    @Test func `who comes and goes is told, a connection that takes another's place is not`() async throws {
        try await settle()
        apply([.connected(connection("a"))])
        try await reporter.report()
        apply([.connected(connection("a", 2)), .disconnected(connection("a", 1))])
        try await reporter.report()
        #expect(told == ["+a"])
        apply([.disconnected(connection("a", 2))])
        try await reporter.report()
        apply([.connected(connection("a", 3)), .disconnected(connection("a", 3))])
        try await reporter.report()
        #expect(told == ["+a", "-a", "+a", "-a"])
    }

    @Test func `in doubt nobody is gone, afterwards those who did not come back are`() async throws {
        try await settle([connection("a"), connection("b")])
        #expect(Set(told) == ["+a", "+b"])
        presence.lost()
        reporter.note([.disconnected(connection("a"))])
        try await reporter.report()
        #expect(told.count == 2)
        try await settle([connection("b"), connection("c")])
        #expect(told.count == 4 && Set(told.suffix(2)) == ["-a", "+c"])
    }

    @Test func `what could not be written is told later, with what happened since`() async throws {
        try await settle()
        store.setFailing(true)
        apply([.connected(connection("a"))])
        await #expect(throws: GatewayError.self) { try await reporter.report() }
        apply([.disconnected(connection("a"))])
        store.setFailing(false)
        try await reporter.report()
        #expect(told == ["+a", "-a"])
    }

    @Test func `without a webhook nothing is noted`() async throws {
        try await store.setWebhook(nil, of: TenantKey(rawValue: 1), at: 0)
        apply([.connected(connection("a"))])
        try await reporter.report()
        #expect(told.isEmpty)
    }
}

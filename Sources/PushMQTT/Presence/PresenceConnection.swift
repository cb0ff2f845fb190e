import BrokerControl
import Foundation
import Logging
import MosquittoClient
import PushCore
import Synchronization

/// The line between the gateway and its plugin in the broker: reports of connections come in, commands go out.
///
/// At every connect the plugin is given the full list of ended devices, from the store, and asked for a snapshot. A gap in
/// the numbers of its reports, or another boot id, asks for a snapshot again.
public final class PresenceConnection: Sendable {
    private struct State {
        var boot: String?
        var number: UInt64 = 0
        var request: String?
        var pages: [DeviceConnection] = []
        /// Changes that came between the pages of a snapshot.
        var meanwhile: [PresenceChange] = []
        /// Devices that ended while the list was being sent: told again after it.
        var endedDuringList: [String]?
        var requestCount = 0
        var session: MQTTSession?
    }

    private let presence: PresenceBook
    private let devices: any DeviceStore
    private let limits: Limits
    private let clock: WallClock
    private let logger: Logger
    private let doubtEnded: @Sendable () -> Void
    private let changed: @Sendable ([PresenceChange]) -> Void
    private let state = Mutex(State())
    private let connects: AsyncStream<Void>
    private let connectInput: AsyncStream<Void>.Continuation
    private let doubts: AsyncStream<Doubt>
    private let doubtInput: AsyncStream<Doubt>.Continuation

    /// What the book calls it, and when it may end.
    private struct Doubt {
        let number: Int
        let endsAt: ContinuousClock.Instant
    }

    /// - Parameter doubtEnded: presence is certain again; it must only hand on.
    public init(
        _ connection: GatewayConnection, presence: PresenceBook, devices: any DeviceStore, loop: MQTTLoop,
        limits: Limits, clock: WallClock, logger: Logger, doubtEnded: @escaping @Sendable () -> Void,
        changed: @escaping @Sendable ([PresenceChange]) -> Void
    ) throws {
        self.presence = presence
        self.devices = devices
        self.limits = limits
        self.clock = clock
        self.logger = logger
        self.doubtEnded = doubtEnded
        self.changed = changed
        (connects, connectInput) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        (doubts, doubtInput) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        let options = connection.options(clientID: BrokerIdentity.presenceClientID)
        let session = try loop.makeSession(options) { [weak self] _, event in self?.handle(event) }
        state.withLock { $0.session = session }
    }

    /// Serves the line until the task is cancelled.
    public func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in self.connects { await self.introduce() } }
            group.addTask {
                for await doubt in self.doubts {
                    try? await Task.sleep(until: doubt.endsAt)  // throws on cancellation only
                    if Task.isCancelled { return }
                    if self.presence.endDoubt(doubt.number) { self.doubtEnded() }
                }
            }
            // A stop ends the first loop; nobody waits for a doubt to end then.
            await group.next()
            group.cancelAll()
        }
    }

    public func stop() async {
        connectInput.finish()
        doubtInput.finish()
        let session = state.withLock { state in
            defer { state.session = nil }
            return state.session
        }
        await session?.stop(drain: .seconds(1))
    }

    // MARK: Commands

    /// The broker refuses these devices from here on. Without a connection the list at the next connect says so, and
    /// the plugin admits nobody before it has that list.
    public func end(_ deviceIDs: [String]) async {
        state.withLock { $0.endedDuringList?.append(contentsOf: deviceIDs) }
        await command(.endDevices(deviceIDs))
    }

    private func introduce() async {
        state.withLock { $0.endedDuringList = [] }
        do {
            try await sendEndedDevices()
        } catch {
            logger.error("the list of ended devices could not be sent", metadata: ["error": "\(error)"])
            try? await Task.sleep(for: .seconds(1))  // throws on cancellation only
            connectInput.yield()
            return
        }
        let meanwhile = state.withLock { state in
            defer { state.endedDuringList = nil }
            return state.endedDuringList ?? []
        }
        if !meanwhile.isEmpty { await command(.endDevices(meanwhile)) }
        await askForSnapshot()
    }

    private func sendEndedDevices() async throws {
        // A credential outlives its device by at most its lifetime; a margin covers clocks that were set.
        let since = clock.now - (limits.credentialSeconds + 86_400) * 1000
        var after: String?
        var page = 0
        while true {
            let found = try await devices.endedDevices(since: since, after: after, limit: 1000)
            let isLast = found.count < 1000
            await command(.endedDevices(page: page, isLast: isLast, devices: found))
            if isLast { return }
            after = found.last
            page += 1
        }
    }

    private func askForSnapshot() async {
        let request = state.withLock { state in
            state.requestCount += 1
            let request = "snapshot-\(state.requestCount)"
            state.request = request
            state.pages = []
            state.meanwhile = []
            return request
        }
        await command(.snapshot(request: request))
    }

    /// Sends a command and waits until the broker has it, at most two seconds: whoever deregisters a device must not
    /// wait for a broker that is being restarted, and the list at its next connect says the same.
    private func command(_ command: BrokerCommand) async {
        guard let session = state.withLock({ $0.session }), session.isConnected else { return }
        let taken = WakeSignal()
        do {
            let payload = try JSONEncoder().encode(command)
            try session.publish(topic: BrokerTopic.control, payload: Array(payload)) { _ in taken.wake() }
            await taken.wait(atMost: .seconds(2))
        } catch {
            logger.warning("a command did not reach the broker's plugin", metadata: ["error": "\(error)"])
        }
    }

    // MARK: Reports

    private func handle(_ event: MQTTEvent) {
        switch event {
        case .connected:
            connectInput.yield()
        case .disconnected:
            state.withLock { $0.boot = nil }
            presence.lost()
        case .message(let message) where message.topic == BrokerTopic.presence:
            do {
                receive(try JSONDecoder().decode(BrokerReport.self, from: Data(message.payload)))
            } catch {
                logger.error("a report of the broker's plugin cannot be read", metadata: ["error": "\(error)"])
            }
        case .connectRefused(let code, _):
            logger.warning("the broker refused the gateway", metadata: ["code": "\(code)"])
        default: break
        }
    }

    private func receive(_ report: BrokerReport) {
        let isGap = state.withLock { state in
            defer { (state.boot, state.number) = (report.boot, report.number) }
            return state.boot != nil && (state.boot != report.boot || state.number &+ 1 != report.number)
        }
        if isGap {
            logger.notice("reports of the broker were missed: asking for a snapshot")
            presence.lost()
            Task { await askForSnapshot() }  // ends with its publish, or with the session
        }
        switch report.body {
        case .ready: logger.debug("the broker admits devices")
        case .changes(let changes): receive(changes.map(PresenceChange.init))
        case .snapshot(let request, _, let isLast, let connections):
            receive(connections.map(DeviceConnection.init), request: request, isLast: isLast)
        }
    }

    private func receive(_ changes: [PresenceChange]) {
        let isBetweenPages = state.withLock { state in
            guard state.request != nil, !state.pages.isEmpty else { return false }
            state.meanwhile += changes
            return true
        }
        if !isBetweenPages { presence.apply(changes) }
        changed(changes)
    }

    private func receive(_ page: [DeviceConnection], request: String, isLast: Bool) {
        let complete = state.withLock { state -> (connections: [DeviceConnection], changes: [PresenceChange])? in
            guard state.request == request else { return nil }
            state.pages += page
            guard isLast else { return nil }
            defer { (state.request, state.pages, state.meanwhile) = (nil, [], []) }
            return (state.pages, state.meanwhile)
        }
        guard let complete else { return }
        let doubt = presence.snapshot(complete.connections)
        presence.apply(complete.changes)
        doubtInput.yield(Doubt(number: doubt, endsAt: .now + limits.presenceDoubt))
    }
}

extension DeviceConnection {
    fileprivate init(_ connection: BrokerConnection) {
        self.init(connection: connection.connection, deviceID: connection.device, at: connection.at)
    }
}

extension PresenceChange {
    fileprivate init(_ change: BrokerReport.Change) {
        switch change {
        case .connected(let connection): self = .connected(DeviceConnection(connection))
        case .disconnected(let connection): self = .disconnected(DeviceConnection(connection))
        }
    }
}

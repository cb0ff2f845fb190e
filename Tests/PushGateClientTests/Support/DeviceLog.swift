import PushGateClient
import Synchronization
import TestWaiting

/// Keeps what a device reported.
final class DeviceLog: Sendable {
    private let entries = Mutex<[DeviceEvent]>([])

    var handler: DeviceClient.Handler { { _, event in self.entries.withLock { $0.append(event) } } }
    func append(_ event: DeviceEvent) { entries.withLock { $0.append(event) } }
    var events: [DeviceEvent] { entries.withLock { $0 } }
    var received: [Entry] { events.compactMap { if case .entry(let entry) = $0 { entry } else { nil } } }
    var ids: [String] { received.map(\.id) }
    var seqs: [Int64] { received.compactMap(\.seq) }
    var hasCaughtUp: Bool { events.contains(.caughtUp) }

    func waits(file: StaticString = #fileID, line: UInt = #line, for condition: (DeviceLog) -> Bool) async throws {
        try await eventually(
            "the device reports it", seen: { "\(events)" }, file: file, line: line, { condition(self) })
    }
}

/// A stand-in for the gateway and one device, taken down at the end.
func withDevice(
    pageItemsMax: Int = 500, version: DeviceClient.ProtocolVersion = .mqtt5, connects: Bool = true,
    options: DeviceClient.Options = quickOptions(),
    handler: DeviceClient.Handler? = nil,
    _ body: (GatewayStandIn, DeviceClient, DeviceLog) async throws -> Void
) async throws {
    let gateway = try await GatewayStandIn(pageItemsMax: pageItemsMax)
    let loop = try ClientLoop()
    var options = options
    options.protocolVersion = version
    let log = DeviceLog()
    let device = DeviceClient(gateway.session(), loop: loop, options: options) { device, event in
        try handler?(device, event)
        log.append(event)
    }
    var failure: (any Error)?
    do {
        if connects { try device.connect() }
        try await body(gateway, device, log)
    } catch { failure = error }
    await loop.shutdown(drain: .zero)
    await gateway.stop()
    if let failure { throw failure }
}

/// Short times, so that what is repeated is repeated soon.
func quickOptions(_ change: (inout DeviceClient.Options) -> Void = { _ in }) -> DeviceClient.Options {
    var options = DeviceClient.Options()
    options.repeatAfter = .milliseconds(150)
    options.requestTimeout = .seconds(10)
    options.reconnectInitial = .milliseconds(10)
    options.reconnectMaximum = .milliseconds(50)
    change(&options)
    return options
}

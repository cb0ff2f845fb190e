import Foundation
import Logging
import PushCore
import TestWaiting
import Testing

@testable import PushStorage

@Suite struct BroadcastScaleTests {
    /// The process's resident memory in bytes.
    private func residentBytes() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
        return try #require(line.split(separator: " ").compactMap { Int($0) }.first) * 1024
    }

    /// `PUSHGATE_MEASURE_BROADCAST=100000 swift test --filter BroadcastScaleTests` tells the figures for that many.
    @Test func `memory does not grow with the number of devices`() async throws {
        let asked = ProcessInfo.processInfo.environment["PUSHGATE_MEASURE_BROADCAST"].flatMap { Int($0) }
        let count = asked ?? 5000
        let store = try await TestStore()
        let made = try await Crowd.make(count, in: store)
        let presence = PresenceBook()
        let online = (0..<count / 50).map { "dev_u\($0 * 50)" }
        presence.snapshot(
            online.enumerated().map { DeviceConnection(connection: UInt64($0.offset), deviceID: $0.element, at: 0) })
        #expect(presence.endDoubt(0))
        // As after a start: nothing of those rows is in memory yet.
        store.storage.close()
        let storage = try TestStore.open(store.path, limits: store.limits, clock: store.clock)
        defer { storage.close() }
        var crowd = made
        crowd.storage = storage
        let clock = store.clock
        let walker = JobWalker(
            store: storage, presence: presence, limits: store.limits, clock: WallClock { clock.now },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, pushesMade: {})
        let before = try residentBytes()
        let start = ContinuousClock.now
        _ = try await storage.accept(
            store.message(#"{"id":"b","audience":{"all":true},"type":0,"content":{"text":"hello"}}"#),
            from: store.appPrincipal)
        try await crowd.publish()
        let task = Task { await walker.run() }
        defer { task.cancel() }
        let away = count - online.count
        var most = 0
        try await eventually("the devices that are away are walked", within: .seconds(300)) {
            most = max(most, try residentBytes())
            return try await crowd.count("SELECT phase FROM job") != 0
        }
        let walked = start.duration(to: .now)
        clock.advance(10_000)
        walker.wake()
        try await eventually("the job is done") { try await crowd.job("b")?.state == .done }
        most = max(most, try residentBytes())
        #expect(try await crowd.pushes() == ["waiting": away + online.count])
        #expect(most - before < 50 << 20)
        if asked != nil { print("\(count) devices: walked in \(walked), \((most - before) >> 20) MiB more") }
    }
}

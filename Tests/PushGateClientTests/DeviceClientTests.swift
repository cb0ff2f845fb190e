import Foundation
import PushGateClient
import Synchronization
import TestWaiting
import Testing

@Suite(.serialized) struct DeviceClientTests {
    @Test(arguments: [DeviceClient.ProtocolVersion.mqtt311, .mqtt5])
    func `what was missed comes in pages, then what is new, in order and acknowledged`(
        version: DeviceClient.ProtocolVersion
    ) async throws {
        try await withDevice(pageItemsMax: 10, version: version, connects: false) { gateway, device, log in
            for number in 1...35 { try gateway.deliver("m\(number)", publishes: false) }
            try device.connect()
            try await log.waits { $0.hasCaughtUp }
            #expect(log.seqs == Array(1...35))
            #expect(gateway.requests("sync").compactMap { $0.body["after"]?.integer } == [0, 10, 20, 30])
            for number in 36...60 { try gateway.deliver("m\(number)") }
            try await log.waits { $0.seqs == Array(1...60) }
            try await eventually("all is acknowledged") { device.acknowledgedSeq == 60 }
            try await eventually("all is contiguous") { device.lastContiguousSeq == 60 }
            #expect(device.counters.received == 25)
            try await eventually("35 came by sync") { device.counters.synchronized == 35 }
            try await eventually("nothing was repeated") { device.counters.repeats == 0 }
            #expect(log.received.first?.content?.description == #"{"text":"id seq \"seq\": 99, }","n":1.5}"#)
        }
    }

    @Test func `a jump is filled by a sync before what came too early`() async throws {
        try await withDevice { gateway, device, log in
            try await log.waits { $0.hasCaughtUp }
            try gateway.deliver("m1")
            try await log.waits { $0.ids == ["m1"] }
            try gateway.deliver("m2", publishes: false)
            try gateway.deliver("m3", publishes: false)
            try gateway.deliver("m4")
            try await log.waits { $0.ids == ["m1", "m2", "m3", "m4"] }
            try await eventually("the gap is healed") { device.counters.gapsHealed == 1 }
            #expect(device.counters.missing == 0)
            try await eventually("all is contiguous") { device.lastContiguousSeq == 4 }
        }
    }

    @Test func `repeats are dropped, by number and by id and revision`() async throws {
        try await withDevice { gateway, device, log in
            try await log.waits { $0.hasCaughtUp }
            let first = try gateway.deliver("m1")
            try gateway.publish(first)
            try gateway.deliver("m1")
            try gateway.deliver("m1", revision: 1)
            try gateway.deliver("m2")
            try await log.waits { $0.ids == ["m1", "m1", "m2"] }
            #expect(log.received.map(\.revision) == [0, 1, 0])
            #expect(log.seqs == [1, 3, 4])
            try await eventually("two repeats are dropped") { device.counters.repeats == 2 }
            try await eventually("all is contiguous") { device.lastContiguousSeq == 4 }
        }
    }

    @Test func `a message without a place is handed over once and moves nothing`() async throws {
        try await withDevice { gateway, device, log in
            try await log.waits { $0.hasCaughtUp }
            try gateway.publish(GatewayStandIn.entry("typing", to: "acct_1", seq: nil))
            try gateway.publish(GatewayStandIn.entry("typing", to: "acct_1", seq: nil))
            try gateway.deliver("m1")
            try await log.waits { $0.ids == ["typing", "m1"] }
            try await eventually("all is contiguous") { device.lastContiguousSeq == 1 }
        }
    }

    @Test func `broadcasts have numbers of their own`() async throws {
        try await withDevice(pageItemsMax: 2, connects: false) { gateway, device, log in
            for number in 1...5 { try gateway.broadcast("b\(number)", publishes: false) }
            try gateway.deliver("m1", publishes: false)
            try device.connect()
            try await log.waits { $0.hasCaughtUp }
            try gateway.broadcast("b6")
            try await log.waits { Set($0.ids) == ["b1", "b2", "b3", "b4", "b5", "b6", "m1"] }
            #expect(log.received.filter { $0.channel == .broadcast }.map(\.seq) == [1, 2, 3, 4, 5, 6])
            try await eventually("all broadcasts are contiguous") { device.lastContiguousBroadcastSeq == 6 }
            try await eventually("all is contiguous") { device.lastContiguousSeq == 1 }
        }
    }

    @Test func `one acknowledgement is on its way at a time, the next one says it all`() async throws {
        try await withDevice(options: quickOptions { $0.repeatAfter = .seconds(60) }) { gateway, device, log in
            try await log.waits { $0.hasCaughtUp }
            gateway.leaveUnanswered("ack", times: 1)
            try gateway.deliver("m1")
            try await eventually("the first acknowledgement is sent") { gateway.acknowledged() == [1] }
            for number in 2...50 { try gateway.deliver("m\(number)") }
            try await log.waits { $0.seqs.last == 50 }
            try await eventually("all is contiguous") { device.lastContiguousSeq == 50 }
            #expect(gateway.acknowledged() == [1])
            gateway.answer(try #require(gateway.requests("ack").first))
            try await eventually("all is acknowledged") { device.acknowledgedSeq == 50 }
            #expect(gateway.acknowledged() == [1, 50])
        }
    }

    @Test func `the acknowledgement of broadcasts alone waits, and leaves with the next one or before the device`()
        async throws
    {
        try await withDevice(options: quickOptions { $0.broadcastAcknowledgementDelay = .seconds(60) }) {
            gateway, device, log in
            try await log.waits { $0.hasCaughtUp }
            func broadcastSeqs() -> [Int64?] { gateway.requests("ack").map { $0.body["broadcastSeq"]?.integer } }
            try gateway.broadcast("b1")
            try await log.waits { $0.ids == ["b1"] }
            try gateway.deliver("m1")
            try await eventually("both are acknowledged") {
                device.acknowledgedSeq == 1 && device.acknowledgedBroadcastSeq == 1
            }
            #expect(broadcastSeqs() == [1], "not one of its own")
            try gateway.broadcast("b2")
            try await log.waits { $0.ids == ["b1", "m1", "b2"] }
            await device.disconnect()
            try await eventually("the last one comes before the DISCONNECT") { broadcastSeqs() == [1, 2] }
        }
    }

    @Test func `the acknowledgement of broadcasts does not wait for ever`() async throws {
        try await withDevice(options: quickOptions { $0.broadcastAcknowledgementDelay = .milliseconds(20) }) {
            gateway, device, log in
            try await log.waits { $0.hasCaughtUp }
            for number in 1...3 {
                try gateway.broadcast("b\(number)")
                try await eventually("it is acknowledged") { device.acknowledgedBroadcastSeq == Int64(number) }
            }
        }
    }

    @Test func `a message can be sent from its own completion, each completes once`() async throws {
        let outcomes = Mutex<[Result<String, any Error>]>([])
        try await withDevice { gateway, device, log in
            try await log.waits { $0.hasCaughtUp }
            @Sendable func sendNext(_ left: Int) {
                device.send(OutgoingMessage(id: "n\(left)", to: "acct_2", text: "x")) { result in
                    outcomes.withLock { $0.append(result.map(\.id)) }
                    if left > 1 { sendNext(left - 1) }
                }
            }
            sendNext(3)
            try await eventually("all have completed") { outcomes.withLock { $0.count } == 3 }
            #expect(try outcomes.withLock { try $0.map { try $0.get() } } == ["n3", "n2", "n1"])
            gateway.refuse("send", with: ["code": "no_recipient", "message": "no"])
            sendNext(1)
            try await eventually("it is refused") { outcomes.withLock { $0.count } == 4 }
            let refusal = outcomes.withLock { $0.last }
            #expect(throws: GatewayProblem.self) { try refusal?.get() }
            await device.disconnect()
            sendNext(1)
            #expect(outcomes.withLock { $0.count } == 5, "at once, for nothing can be sent")
        }
    }

    @Test func `a request without a reply is sent again with the same id`() async throws {
        try await withDevice { gateway, device, log in
            gateway.leaveUnanswered("send", times: 2)
            gateway.leaveUnanswered("sync", times: 1)
            let receipt = try await device.send(OutgoingMessage(id: "out", to: "acct_2", text: "hello"))
            #expect(receipt.id == "out")
            #expect(receipt.serverTime == 7)
            let sends = gateway.requests("send")
            #expect(sends.count == 3)
            #expect(Set(sends.map(\.id)).count == 1)
            #expect(Set(sends.compactMap { $0.body["id"]?.string }) == ["out"])
            try await log.waits { $0.hasCaughtUp }
            #expect(Set(gateway.requests("sync").map(\.id)).count == 1)
        }
    }

    @Test func `a call that is never answered ends after its time, a refused one at once`() async throws {
        try await withDevice(options: quickOptions { $0.requestTimeout = .milliseconds(400) }) { gateway, device, log in
            try await log.waits { $0.hasCaughtUp }
            gateway.leaveUnanswered("state", times: 1000)
            await #expect(throws: DeviceClientError.noReply) { try await device.setAppState(.background) }
            gateway.refuse("send", with: ["code": "recipient_not_found", "title": "t", "detail": "nobody"])
            await #expect(throws: GatewayProblem(status: 0, code: "recipient_not_found", detail: "nobody")) {
                try await device.send(OutgoingMessage(id: "x", to: "acct_9", text: "hello"))
            }
            // The refused id was never used: a message that has it is not taken for the own one.
            try gateway.deliver("x")
            try await log.waits { $0.ids == ["x"] }
            gateway.refuse("push", with: ["code": "overloaded", "title": "t", "detail": "later"])
            async let switched: Void = device.setPushEnabled(false)
            try await eventually("the first try is refused") { gateway.requests("push").count == 1 }
            gateway.refuse("push", with: nil)
            try await switched
            #expect(gateway.requests("push").count == 2)
            await device.disconnect()
            await #expect(throws: DeviceClientError.disconnected) { try await device.setPushEnabled(true) }
        }
    }

    @Test func `a cancelled call ends at once`() async throws {
        try await withDevice { gateway, device, log in
            gateway.leaveUnanswered("state", times: 1000)
            let call = Task { try await device.setAppState(.background) }
            try await eventually("the call is made") { gateway.requests("state").count == 1 }
            call.cancel()
            await #expect(throws: CancellationError.self) { try await call.value }
        }
    }

    @Test func `the copy of an own message is not handed over`() async throws {
        try await withDevice { gateway, device, log in
            try await device.send(OutgoingMessage(id: "own", to: "acct_2", text: "hello"))
            try gateway.deliver("own")
            try gateway.deliver("other")
            try await log.waits { $0.ids == ["other"] }
            try await eventually("both are contiguous") { device.lastContiguousSeq == 2 }
        }
    }

    @Test(arguments: [DeviceClient.ProtocolVersion.mqtt311, .mqtt5])
    func `after the broker was gone, what came meanwhile is fetched and waiting calls go through`(
        version: DeviceClient.ProtocolVersion
    ) async throws {
        try await withDevice(version: version) { gateway, device, log in
            try gateway.deliver("m1")
            try await log.waits { $0.ids == ["m1"] }
            gateway.broker.kill()
            try await eventually("the connection is lost") { !device.isConnected }
            for number in 2...20 { try gateway.deliver("m\(number)", publishes: false) }
            async let receipt = device.send(OutgoingMessage(id: "out", to: "acct_2", text: "hello"))
            try await gateway.broker.start()
            try await log.waits { $0.seqs == Array(1...20) }
            #expect(try await receipt.id == "out")
            #expect(device.counters.connects == 2)
            #expect(log.events.contains { if case .disconnected = $0 { true } else { false } })
        }
    }

    @Test func `an entry that the handler refuses is neither passed over nor acknowledged`() async throws {
        struct Full: Error {}
        let refusals = Mutex(2)
        let handler: DeviceClient.Handler = { _, event in
            guard case .entry(let entry) = event, entry.id == "m3" else { return }
            let refuses = refusals.withLock { left in
                defer { left = max(0, left - 1) }
                return left > 0
            }
            if refuses { throw Full() }
        }
        try await withDevice(handler: handler) { gateway, device, log in
            try await log.waits { $0.hasCaughtUp }
            for number in 1...5 { try gateway.deliver("m\(number)") }
            try await log.waits { $0.seqs == [1, 2, 3, 4, 5] }
            #expect(refusals.withLock { $0 } == 0)
            try await eventually("all is acknowledged") { device.acknowledgedSeq == 5 }
        }
    }

    @Test func `with manual acknowledgement nothing is confirmed before the app says so`() async throws {
        try await withDevice(options: quickOptions { $0.acknowledgement = .manual }) { gateway, device, log in
            for number in 1...3 { try gateway.deliver("m\(number)") }
            try await log.waits { $0.seqs == [1, 2, 3] }
            await device.disconnect()
            try gateway.deliver("m4", publishes: false)
            try device.connect()
            try await log.waits { $0.seqs == [1, 2, 3, 4] }
            #expect(gateway.requests("sync").allSatisfy { $0.body["after"]?.integer == 0 })
            #expect(gateway.acknowledged() == [])
            try await eventually("all is contiguous") { device.lastContiguousSeq == 4 }
            device.acknowledge(seq: 99)
            try await eventually("all is acknowledged") { device.acknowledgedSeq == 4 }
            #expect(gateway.acknowledged() == [4])
        }
    }

    @Test func `the file store goes on where it was after a restart`() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "position-\(UUID().uuidString).json")
        defer { try? FileManager.default.removeItem(at: file) }
        try await withDevice(options: quickOptions { $0.store = FileStore(file) }) { gateway, device, log in
            for number in 1...5 { try gateway.deliver("m\(number)") }
            try await log.waits { $0.seqs.count == 5 }
            try await eventually("all is acknowledged") { device.acknowledgedSeq == 5 }
            await device.disconnect()
            try gateway.deliver("m6", publishes: false)
            // Known by its id, though it comes with a number of its own.
            try gateway.deliver("m2", publishes: false)

            let loop = try ClientLoop()
            var options = quickOptions()
            options.store = FileStore(file)
            let later = DeviceLog()
            let again = DeviceClient(gateway.session(), loop: loop, options: options, handler: later.handler)
            try again.connect()
            try await later.waits { $0.hasCaughtUp }
            #expect(later.ids == ["m6"])
            try await eventually("all is contiguous") { again.lastContiguousSeq == 7 }
            try await eventually("the repeat is dropped") { again.counters.repeats == 1 }
            await loop.shutdown(drain: .zero)
        }
        #expect(try FileStore(file).load(account: "acct_1")?.seq == 7)
        #expect(try FileStore(file).load(account: "acct_2") == nil)
        try Data("{ half".utf8).write(to: file)
        #expect(try FileStore(file).load(account: "acct_1") == nil)
    }

    @Test func `nothing is acknowledged while the store fails`() async throws {
        struct BrokenStore: LocalStore {
            struct DiskFull: Error {}
            func load(account: String) -> LocalPosition? { nil }
            func save(_ position: LocalPosition) throws { throw DiskFull() }
        }
        try await withDevice(options: quickOptions { $0.store = BrokenStore() }) { gateway, device, log in
            try await log.waits { $0.hasCaughtUp }
            try gateway.deliver("m1")
            try await log.waits { $0.events.contains { if case .storeFailed = $0 { true } else { false } } }
            #expect(gateway.acknowledged() == [])
            #expect(device.acknowledgedSeq == 0)
        }
    }

    @Test func `a gateway restored from an older copy is noticed and followed`() async throws {
        let store = MemoryStore()
        store.save(LocalPosition(account: "acct_1", seq: 9, acknowledgedSeq: 9))
        try await withDevice(connects: false, options: quickOptions { $0.store = store }) { gateway, device, log in
            for number in 1...4 { try gateway.deliver("m\(number)", publishes: false) }
            try device.connect()
            try await log.waits { $0.events.contains(.rewound(.inbox, to: 4)) }
            try gateway.deliver("m5")
            try await log.waits { $0.ids == ["m5"] }
        }
    }

    @Test func `the credential is renewed before it ends`() async throws {
        let gateway = try await GatewayStandIn()
        let loop = try ClientLoop()
        var options = quickOptions()
        let asked = Mutex<[String]>([])
        let kept = Mutex<DeviceCredential?>(nil)
        options.renewCredential = { credential in
            struct Offline: Error {}
            let tries = asked.withLock { asked in
                asked.append(credential.value)
                return asked.count
            }
            if tries == 1 { throw Offline() }
            return DeviceCredential(value: "fresh", expiresAt: Date(timeIntervalSinceNow: 3600))
        }
        options.credentialRenewed = { credential in kept.withLock { $0 = credential } }
        var session = gateway.session()
        session.credential = DeviceCredential(value: "old", expiresAt: Date(timeIntervalSinceNow: 0.5))
        let device = DeviceClient(session, loop: loop, options: options) { _, _ in }
        try device.connect()
        try await eventually("the credential is renewed") { device.credential.value == "fresh" }
        try await eventually("the fresh credential is kept") { kept.withLock { $0?.value } == "fresh" }
        #expect(asked.withLock { $0 } == ["old", "old"])
        #expect(!"\(device.credential)".contains("fresh"))
        await loop.shutdown(drain: .zero)
        await gateway.stop()
    }

    @Test func `a full stream leaves entries with the gateway until there is room`() async throws {
        let gateway = try await GatewayStandIn()
        let loop = try ClientLoop()
        let (device, events) = DeviceClient.stream(
            gateway.session(), loop: loop, options: quickOptions(), bufferedMax: 4)
        try device.connect()
        try await eventually("the device is connected") { device.isConnected }
        for number in 1...30 { try gateway.deliver("m\(number)") }
        try await eventually("all are received") { device.counters.received == 30 }
        var seqs: [Int64] = []
        for await event in events {
            if case .entry(let entry) = event, let seq = entry.seq { seqs.append(seq) }
            if seqs.last == 30 { break }
        }
        #expect(seqs == Array(1...30))
        await loop.shutdown(drain: .zero)
        await gateway.stop()
    }
}

import Foundation
import PushSimulators
import Testing

@Suite struct PushRecordTests {
    typealias Client = SimulatorClient

    @Test func `waiting ends with the push that fits, before and after it came`() async throws {
        try await Client.run { client async throws in
            async let waited = client.simulator.waitForPush(within: .seconds(10)) { $0.messageId == "m1" }
            #expect(try await client.sendWebhook().status == 200)
            #expect(try await waited.token == "t1")
            let again = try await client.simulator.waitForPush(within: .seconds(10)) { $0.token == "t1" }
            #expect(again.sequence == 1)
        }
    }

    @Test func `waiting in vain ends with its time, with shutdown and with the task`() async throws {
        try await Client.run { client async throws in
            let simulator = client.simulator
            await #expect(throws: VendorSimulatorError.nothingArrived) {
                try await simulator.waitForPush(within: .milliseconds(50)) { _ in false }
            }
            let cancelled = Task { try await simulator.waitForPush(within: .seconds(60)) { _ in false } }
            cancelled.cancel()
            await #expect(throws: CancellationError.self) { try await cancelled.value }
            let closed = Task { try await simulator.waitForPush(within: .seconds(60)) { _ in false } }
            try await simulator.shutdown()
            await #expect(throws: VendorSimulatorError.closed) { try await closed.value }
        }
    }

    @Test func `a push with the same key takes the place of the earlier one`() async throws {
        try await Client.run { client async throws in
            let jwt = try await client.providerToken()
            func send(_ key: String, _ title: String) async throws {
                let reply = try await client.push(
                    headers: ["apns-collapse-id": key], jwt: jwt,
                    payload: #"{"aps":{"alert":{"title":"\#(title)"}},"messageId":"\#(key)"}"#)
                #expect(reply.status == 200)
            }
            try await send("a", "one")
            try await send("b", "two")
            try await send("a", "three")
            #expect(client.simulator.visible(token: Client.deviceToken).map(\.title) == ["two", "three"])
            #expect(client.simulator.alertsRung(token: Client.deviceToken, messageId: "a") == 2)
            #expect(client.simulator.alertsRung(token: Client.deviceToken, messageId: "b") == 1)
            #expect(client.simulator.visible(token: "another").isEmpty)
        }
    }

    @Test func `only so many pushes are kept, and the counters count all`() async throws {
        try await Client.run {
            $0.keptPushes = 3
        } _: { client async throws in
            for number in 1...5 { #expect(try await client.sendWebhook(id: "evt_\(number)").status == 200) }
            #expect(client.simulator.pushes().map(\.sequence) == [3, 4, 5])
            #expect(client.simulator.alertsRung(token: "t1", messageId: "m1") == 3)
            #expect(client.simulator.counters(.webhook).accepted == 5)
            client.simulator.clearRecord()
            #expect(client.simulator.pushes().isEmpty && client.simulator.counters(.webhook) == VendorCounters())
            #expect(try await client.sendWebhook(id: "evt_6").status == 200)
            #expect(client.simulator.pushes().map(\.sequence) == [6])
            #expect(client.simulator.visible(token: "t1").count == 1)
        }
    }
}

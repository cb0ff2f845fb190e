import Foundation
import PushSimulators
import Testing

@Suite struct WebhookSimulatorTests {
    typealias Client = SimulatorClient

    @Test func `a signed event is accepted`() async throws {
        try await Client.run { client async throws in
            let reply = try await client.sendWebhook()
            #expect(reply.status == 200)
            let push = try #require(client.simulator.pushes().first)
            #expect(push.vendor == .webhook && push.token == "t1" && push.messageId == "m1" && push.replaceKey == "m1")
            #expect(push.title == "Hi" && push.body == "There" && push.form == .visible && push.vendorId == "evt_1")
        }
    }

    @Test func `the same event again rings nothing`() async throws {
        try await Client.run { client async throws in
            #expect(try await client.sendWebhook().status == 200)
            #expect(try await client.sendWebhook().status == 200)
            #expect(client.simulator.pushes().map(\.discarded) == [nil, .repeated])
            #expect(client.simulator.alertsRung(token: "t1", messageId: "m1") == 1)
        }
    }

    @Test func `a wrong secret, an old timestamp and an id with a dot are refused`() async throws {
        try await Client.run { client async throws in
            let secret = "whsec_" + Data(repeating: 7, count: 32).base64EncodedString()
            #expect(try await client.sendWebhook(secret: secret).status == 401)
            #expect(try await client.sendWebhook(age: 301).status == 401)
            #expect(try await client.sendWebhook(age: -302).status == 401)
            #expect(try await client.sendWebhook(id: "evt.1").status == 401)
            #expect(try await client.sendWebhook(age: 290).status == 200)
            #expect(client.simulator.counters(.webhook) == VendorCounters(requests: 5, accepted: 1, refused: 4))
        }
    }

    @Test func `a probe is taken and shows nothing, if its signature is right`() async throws {
        try await Client.run { client async throws in
            let body = #"{"type":"push.check","timestamp":"2026-01-02T03:04:05.678Z","data":{}}"#
            #expect(try await client.sendWebhook(body).status == 200)
            let secret = "whsec_" + Data(repeating: 7, count: 32).base64EncodedString()
            #expect(try await client.sendWebhook(body, secret: secret).status == 401)
            #expect(client.simulator.pushes().isEmpty)
        }
    }

    static let replacements = [
        (#""type":"push.message""#, #""type":"message.sent""#), (#""messageId":"m1","#, ""), (#""token":"t1","#, ""),
        (#""account":"acct_1","#, ""), (#""userId":"u1","#, ""), (#""deviceId":"dev_1","#, ""),
        (#""title":"Hi","#, ""), (#""collapseId":"m1","#, ""), (#""ttl":60"#, #""ttl":"60""#),
        (#""priority":"high""#, #""priority":10"#), (#""data":{},"#, ""), (#""silent":false"#, #""silent":0"#),
        ("2026-01-02T03:04:05.678Z", "yesterday"), ("}}", "}"),
    ]

    @Test(arguments: replacements) func `a body of another shape is refused`(
        _ from: String, _ to: String
    ) async throws {
        try await Client.run { client async throws in
            let body = Client.webhookBody.replacingOccurrences(of: from, with: to)
            #expect(body != Client.webhookBody)
            #expect(try await client.sendWebhook(body).status == 400)
            #expect(client.simulator.pushes().isEmpty)
        }
    }
}

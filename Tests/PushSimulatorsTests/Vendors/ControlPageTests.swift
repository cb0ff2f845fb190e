import Foundation
import PushSimulators
import Testing

@Suite struct ControlPageTests {
    typealias Client = SimulatorClient

    @Test func `the page shows what arrived, escaped`() async throws {
        try await Client.run { client async throws in
            let body = Client.webhookBody.replacingOccurrences(of: "Hi", with: "<b>Hi</b>")
            #expect(try await client.sendWebhook(body).status == 200)
            let page = try await client.request(.GET, "http://127.0.0.1:\(client.simulator.httpPort)/")
            #expect(page.status == 200 && page.headers.first(name: "content-type") == "text/html; charset=utf-8")
            #expect(page.body.contains("&lt;b&gt;Hi&lt;/b&gt;") && !page.body.contains("<b>Hi"))
        }
    }

    @Test func `pushes can be looked up and cleared`() async throws {
        try await Client.run { client async throws in
            let base = "http://127.0.0.1:\(client.simulator.httpPort)"
            #expect(try await client.sendWebhook().status == 200)
            #expect(try await client.push(jwt: client.providerToken()).status == 200)
            func items(_ query: String) async throws -> [[String: any Sendable]] {
                try await client.request(.GET, base + query).json["items"] as? [[String: any Sendable]] ?? []
            }
            #expect(try await items("/pushes").count == 2)
            #expect(try await items("/pushes?messageId=m1&vendor=apns").count == 1)
            let found = try #require(try await items("/pushes?token=t1").first)
            #expect(found["vendor"] as? String == "webhook" && found["title"] as? String == "Hi")
            #expect((found["payload"] as? [String: any Sendable])?["type"] as? String == "push.message")
            #expect(try await items("/pushes?token=t2").isEmpty)
            #expect(try await items("/visible?token=t1").count == 1)
            #expect(try await client.request(.DELETE, base + "/pushes").status == 204)
            #expect(client.simulator.pushes().isEmpty)
            #expect(try await client.request(.GET, base + "/elsewhere").status == 404)
        }
    }

    @Test func `credentials are ready for the gateway's settings`() async throws {
        try await Client.run { client async throws in
            let simulator = client.simulator
            let all = try await client.request(.GET, "http://127.0.0.1:\(simulator.httpPort)/credentials").json
            let apns = try #require(all["apns"] as? [String: any Sendable])
            #expect(apns["endpoint"] as? String == "https://127.0.0.1:\(simulator.apnsPort)")
            #expect(apns["privateKey"] as? String == simulator.credentials.apnsPrivateKey)
            #expect(Set(apns.keys) == ["keyId", "teamId", "privateKey", "topic", "environment", "endpoint"])
            let fcm = try #require(all["fcm"] as? [String: any Sendable])
            let account = try #require(fcm["serviceAccount"] as? [String: any Sendable])
            #expect(account["token_uri"] as? String == "https://127.0.0.1:\(simulator.httpsPort)/token")
            let webhook = try #require(all["webhook"] as? [String: any Sendable])
            #expect((webhook["secret"] as? String)?.hasPrefix("whsec_") == true)
            #expect(
                simulator.credentials.settings(for: .webhook, plainHTTP: true)
                    .contains("http://127.0.0.1:\(simulator.httpPort)/webhook/push"))
        }
    }

    @Test func `faults are set, listed and cleared over HTTP`() async throws {
        try await Client.run { client async throws in
            let faults = "http://127.0.0.1:\(client.simulator.httpPort)/faults"
            func set(_ body: String) async throws -> Int {
                try await client.request(.POST, faults, body: body).status
            }
            for body in [
                #"{"vendor":"apns","fault":"slow","milliseconds":5,"requests":2}"#,
                #"{"vendor":"apns","fault":"hang","afterAccepting":true}"#, #"{"vendor":"fcm","fault":"reset"}"#,
                #"{"vendor":"fcm","fault":"tooManyRequests","retryAfter":5,"on":"login"}"#,
                #"{"vendor":"webhook","fault":"serverError","status":502,"retryAfterDate":9}"#,
                #"{"vendor":"apns","fault":"deadTokens","tokens":["a"],"code":"BadDeviceToken","timestamp":5}"#,
                #"{"vendor":"fcm","fault":"expiredAuthorization"}"#, #"{"vendor":"fcm","fault":"garbage"}"#,
                #"{"vendor":"fcm","fault":"code","code":"INTERNAL"}"#,
                #"{"vendor":"apns","fault":"goAway","afterRequests":7}"#, #"{"vendor":"apns","fault":"refuseStream"}"#,
            ] {
                #expect(try await set(body) == 200)
            }
            let active = client.simulator.activeFaults
            #expect(
                active.map(\.fault) == [
                    .slow(milliseconds: 5), .hang(afterAccepting: true), .reset(afterAccepting: false),
                    .tooManyRequests(retryAfter: .seconds(5)),
                    .serverError(status: 502, retryAfter: .date(secondsAhead: 9)),
                    .deadTokens(["a"], code: "BadDeviceToken", timestamp: 5), .expiredAuthorization, .garbage,
                    .code("INTERNAL"), .goAway(afterRequests: 7), .refuseStream,
                ])
            #expect(active[0].remaining == 2 && active[1].remaining == nil && active[3].purpose == .login)
            let listed = try await client.request(.GET, faults).json["items"] as? [[String: any Sendable]]
            #expect(listed?.count == 11 && listed?[0]["milliseconds"] as? Int == 5)
            #expect(try await client.request(.DELETE, faults + "?vendor=fcm").status == 204)
            #expect(client.simulator.activeFaults.count == 6)
            #expect(try await client.request(.DELETE, faults).status == 204)
            #expect(client.simulator.activeFaults.isEmpty)
            for body in [
                "", "{}", #"{"vendor":"apns","fault":"sleep"}"#, #"{"vendor":"apns","fault":"slow"}"#,
                #"{"vendor":"apns","fault":"code","code":"x"}"#, #"{"vendor":"apns","fault":"garbage","requests":0}"#,
            ] {
                #expect(try await set(body) == 400)
            }
        }
    }
}

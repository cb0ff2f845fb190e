import Crypto
import Foundation
import PushSimulators
import Testing

@Suite struct WebPushSimulatorTests {
    typealias Client = SimulatorClient

    static func errno(_ reply: Client.Reply) -> Int? { reply.json["errno"] as? Int }

    @Test func `a message arrives, decrypted`() async throws {
        try await Client.run { client async throws in
            let key = P256.Signing.PrivateKey()
            let subscription = try client.simulator.subscribe(
                applicationServerKey: Client.base64URL(key.publicKey.x963Representation))
            let json = try JSONSerialization.jsonObject(with: Data(subscription.token.utf8)) as? [String: Any]
            #expect(json?["endpoint"] as? String == subscription.endpoint)
            #expect(json?["keys"] as? [String: String] == ["p256dh": subscription.p256dh, "auth": subscription.auth])
            let reply = try await client.sendWebPush(subscription, key: key)
            #expect(reply.status == 201 && reply.headers["ttl"] == ["60"])
            let push = try #require(client.simulator.pushes().first)
            #expect(reply.headers["location"] == [push.vendorId])
            #expect(push.vendor == .webpush && push.token == subscription.token && push.payload == Client.plaintext)
            #expect(push.messageId == "m1" && push.title == "Hi" && push.body == "There" && push.replaceKey == "m1")
            #expect(push.header("urgency") == "high" && push.isShown)
            #expect(try await client.sendWebPush(subscription, key: key).status == 201)
            #expect(client.simulator.visible(token: subscription.token).count == 1)
        }
    }

    @Test func `the example of RFC 8291 is read`() async throws {
        try await Client.run { client async throws in
            let subscription = try client.simulator.subscribe(
                privateKey: Client.bytes("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"),
                authSecret: Client.bytes("BTBZMqHH6r4Tts7J_aSIgg"))
            #expect(
                subscription.p256dh
                    == "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4")
            let body = Client.bytes(
                "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8w"
                    + "EqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN")
            #expect(body.count == 144)
            #expect(try await client.sendWebPush(subscription, key: .init(), body: body).status == 201)
            #expect(client.simulator.pushes().first?.payload == "When I grow up, I want to be a watermelon")
        }
    }

    @Test func `what the browser cannot decrypt is accepted and never shown`() async throws {
        try await Client.run { client async throws in
            let subscription = try client.simulator.subscribe()
            let other = try client.simulator.subscribe()
            let key = P256.Signing.PrivateKey()
            var changed = try Client.encrypt(Data("{}".utf8), for: subscription)
            changed[changed.count - 1] ^= 1
            for body in [try Client.encrypt(Data("{}".utf8), for: other), changed, Data(repeating: 7, count: 50)] {
                #expect(try await client.sendWebPush(subscription, key: key, body: body).status == 201)
            }
            #expect(client.simulator.pushes().isEmpty && client.simulator.refusals.count == 3)
            let padded = try Client.encrypt(Data(Client.plaintext.utf8), for: subscription, padding: 100)
            #expect(try await client.sendWebPush(subscription, key: key, body: padded).status == 201)
            #expect(client.simulator.pushes().first?.payload == Client.plaintext)
        }
    }

    @Test func `headers and size are checked`() async throws {
        try await Client.run { client async throws in
            let subscription = try client.simulator.subscribe()
            let key = P256.Signing.PrivateKey()
            let wrong: [([String: String?], Int, Int?)] = [
                (["ttl": nil], 400, 111), (["ttl": "-1"], 400, 112), (["ttl": "60s"], 400, 112),
                (["ttl": "2592001"], 400, 112), (["urgency": "urgent"], 400, nil), (["topic": "a b"], 400, 113),
                (["topic": String(repeating: "a", count: 33)], 400, 113), (["content-encoding": nil], 400, 101),
                (["content-encoding": "aesgcm"], 400, 101),
            ]
            for (headers, status, errno) in wrong {
                let reply = try await client.sendWebPush(subscription, key: key, headers: headers)
                #expect(reply.status == status && Self.errno(reply) == errno && reply.json["code"] as? Int == status)
            }
            let full = String(repeating: "a", count: 3993)
            #expect(try await client.sendWebPush(subscription, key: key, plaintext: full + "a").status == 413)
            #expect(client.simulator.pushes().isEmpty)
            #expect(try await client.sendWebPush(subscription, key: key, plaintext: full).status == 201)
            #expect(
                try await client.sendWebPush(
                    subscription, key: key, body: Data(), headers: ["content-encoding": nil, "ttl": "0"]
                ).status == 201)
            let got = try await client.request(.GET, subscription.endpoint)
            #expect(got.status == 405)
        }
    }

    @Test func `the authorization is checked`() async throws {
        try await Client.run { client async throws in
            let key = P256.Signing.PrivateKey()
            let bound = try client.simulator.subscribe(
                applicationServerKey: Client.base64URL(key.publicKey.x963Representation))
            let origin = "https://127.0.0.1:\(client.simulator.httpsPort)"
            let wrong: [String?] = [
                nil, "Bearer x", "vapid t=x, k=y",
                try Client.vapid(key, aud: "https://127.0.0.1"), try Client.vapid(key, aud: origin + "/"),
                try Client.vapid(key, aud: nil), try Client.vapid(key, aud: origin, ttl: -5),
                try Client.vapid(key, aud: origin, ttl: 86_460), try Client.vapid(key, aud: origin, sub: nil),
                try Client.vapid(key, aud: origin, sub: "push@example.com"),
                try Client.vapid(key, aud: origin, sub: "mailto:push@localhost"),
                try Client.vapid(.init(), aud: origin, claimedKey: key.publicKey),
                try Client.vapid(key, aud: origin, algorithm: "HS256"),
            ]
            for authorization in wrong {
                let reply = try await client.sendWebPush(bound, key: key, headers: ["authorization": authorization])
                #expect(reply.status == 401 && Self.errno(reply) == 109)
            }
            let stranger = try await client.sendWebPush(bound, key: .init())
            #expect(stranger.status == 403 && Self.errno(stranger) == 109)
            #expect(client.simulator.pushes().isEmpty)
            for subject in ["https://example.com/contact", "mailto:a@example.com"] {
                let authorization = try Client.vapid(key, aud: origin, ttl: 86_390, sub: subject)
                #expect(
                    try await client.sendWebPush(bound, key: key, headers: ["authorization": authorization]).status
                        == 201)
            }
        }
    }

    @Test func `unknown and ended subscriptions`() async throws {
        try await Client.run { client async throws in
            let subscription = try client.simulator.subscribe(plainHTTP: true)
            let key = P256.Signing.PrivateKey()
            #expect(subscription.endpoint.hasPrefix("http://127.0.0.1:\(client.simulator.httpPort)/"))
            #expect(try await client.sendWebPush(subscription, key: key).status == 201)
            let unknown = try await client.sendWebPush(subscription, key: key, path: "/wpush/v2/other")
            #expect(unknown.status == 404 && Self.errno(unknown) == 102)
            client.simulator.unsubscribe(subscription)
            let gone = try await client.sendWebPush(subscription, key: key)
            #expect(gone.status == 410 && Self.errno(gone) == 106)
        }
    }

    @Test func `a topic takes the place of what was not delivered`() async throws {
        let clock = TestClock()
        try await Client.run {
            $0.clock = { clock.milliseconds }
        } _: { client async throws in
            let subscription = try client.simulator.subscribe()
            let key = P256.Signing.PrivateKey()
            client.simulator.setConnected(false, subscription)
            func send(_ id: String, _ headers: [String: String?]) async throws {
                let reply = try await client.sendWebPush(
                    subscription, key: key, plaintext: #"{"messageId":"\#(id)","tag":"\#(id)"}"#, headers: headers)
                #expect(reply.status == 201)
            }
            try await send("a", ["topic": "news"])
            try await send("b", ["topic": "news"])
            try await send("c", [:])
            try await send("now", ["ttl": "0"])
            try await send("short", ["ttl": "5"])
            #expect(client.simulator.pushes().isEmpty)
            clock.advance(seconds: 10)
            client.simulator.setConnected(true, subscription)
            #expect(client.simulator.pushes().map(\.messageId) == ["b", "c"])
            client.simulator.setConnected(true, subscription)
            #expect(client.simulator.pushes().count == 2)
        }
    }

    @Test func `every row of the table can be asked for`() async throws {
        try await Client.run { client async throws in
            let subscription = try client.simulator.subscribe()
            let key = P256.Signing.PrivateKey()
            let rows = [
                (101, 400), (102, 404), (103, 410), (104, 413), (105, 410), (106, 410), (108, 400), (109, 401),
                (110, 400), (111, 400), (112, 400), (113, 400), (201, 503), (202, 503), (900, 502), (901, 502),
                (902, 502), (903, 502), (999, 500),
            ]
            for (errno, status) in rows {
                try client.simulator.inject(.code(String(errno)), into: .webpush, requests: 1)
                let reply = try await client.sendWebPush(subscription, key: key)
                #expect(reply.status == status && Self.errno(reply) == errno)
            }
            try client.simulator.inject(.code("BadJwtToken"), into: .webpush, requests: 1)
            #expect(try await client.sendWebPush(subscription, key: key).reason == "BadJwtToken")
            try client.simulator.inject(.expiredAuthorization, into: .webpush, requests: 1)
            #expect(try await client.sendWebPush(subscription, key: key).status == 401)
            try client.simulator.inject(
                .deadTokens([subscription.endpoint], code: nil, timestamp: nil), into: .webpush, requests: 1)
            #expect(try await client.sendWebPush(subscription, key: key).status == 410)
            try client.simulator.inject(
                .deadTokens([subscription.token], code: "404", timestamp: nil), into: .webpush, requests: 1)
            #expect(try await client.sendWebPush(subscription, key: key).status == 404)
            #expect(client.simulator.pushes().isEmpty)
            #expect(try await client.sendWebPush(subscription, key: key).status == 201)
        }
    }

    @Test func `the control page makes tokens`() async throws {
        try await Client.run { client async throws in
            let base = "http://127.0.0.1:\(client.simulator.httpPort)"
            let subscription = try await client.request(.POST, base + "/subscriptions", body: #"{"plainHTTP":true}"#)
            #expect(subscription.status == 201)
            #expect((subscription.json["endpoint"] as? String)?.hasPrefix(base + "/wpush/") == true)
            let channel = try await client.request(.POST, base + "/channels")
            let uri = try #require(channel.json["uri"] as? String)
            #expect(try await client.sendWNS(uri, token: client.wnsToken()).status == 200)
            let wrong = #"{"applicationServerKey":"x"}"#
            #expect(try await client.request(.POST, base + "/subscriptions", body: wrong).status == 400)
        }
    }
}

import Crypto
import PushCore
import PushCredentials
import Testing

@testable import PushVendors

@Suite struct WebPushRequestTests {
    private func text(_ request: WebPushRequest) -> String { String(decoding: request.plaintext, as: UTF8.self) }

    @Test func `a plain push`() {
        let request = WebPushRequest(push(.webpush))
        #expect(text(request) == #"{"messageId":"m-1","title":"Title","body":"Body","tag":"m-1","data":{}}"#)
        #expect(
            request.headers == [
                "content-type": "application/octet-stream", "content-encoding": "aes128gcm", "ttl": "3600",
                "urgency": "high",
            ])
    }

    @Test func `everything a sender can say`() throws {
        let data = try json(#"{"k":1.50,"messageId":"forged"}"#)
        let request = WebPushRequest(
            push(.webpush) {
                $0.subtitle = "Sub"
                $0.image = "https://example.com/i.png"
                $0.badge = 3
                $0.collapseID = "c-1"
                $0.action = .init(kind: .url, value: "https://example.com/")
                $0.data = data
                $0.isHighPriority = false
                $0.timeToLiveSeconds = 0
            })
        #expect(
            text(request)
                == #"{"messageId":"m-1","title":"Title","body":"Body","subtitle":"Sub","#
                + #""image":"https://example.com/i.png","badge":3,"tag":"c-1","#
                + #""action":{"type":"url","value":"https://example.com/"},"data":{"k":1.50,"messageId":"forged"}}"#)
        #expect(request.headers.first(name: "urgency") == "normal")
        #expect(request.headers.first(name: "ttl") == "0")
        let topic = try #require(request.headers.first(name: "topic"))
        #expect(topic.count == 32)
        #expect(Base64URL.decode(topic) != nil)
    }

    @Test func `a topic stands for its collapse key, of whatever length and script`() {
        func topic(_ key: String) -> String? {
            WebPushRequest(push(.webpush) { $0.collapseID = key }).headers.first(name: "topic")
        }
        #expect(topic("a") == topic("a") && topic("a") != topic("b"))
        #expect(topic(String(repeating: "界", count: 200))?.utf8.count == 32)
    }

    @Test func `the longest life is thirty days`() {
        let request = WebPushRequest(push(.webpush) { $0.timeToLiveSeconds = 9_999_999 })
        #expect(request.headers.first(name: "ttl") == "2592000")
    }

    @Test func `an override cannot forge the id`() throws {
        let patch = try json(#"{"messageId":"forged","title":"New","extra":[1]}"#)
        let made = text(WebPushRequest(push(.webpush) { $0.override = patch }))
        #expect(made.contains(#""messageId":"m-1""#) && made.contains(#""title":"New""#))
        #expect(made.contains(#""extra":[1]"#))
    }

    @Test(arguments: ["x", "界", "👩‍👩‍👧‍👦", "\""])
    func `what is too long is cut to 3993 bytes`(character: String) throws {
        let request = WebPushRequest(push(.webpush) { $0.body = String(repeating: character, count: 5000) })
        #expect(request.plaintext.count <= 3993 && request.plaintext.count > 3993 - 60)
        let body = try #require(try RawJSON(parsing: request.plaintext).object?["body"]?.string)
        #expect(body.hasSuffix("…"))
    }
}

@Suite struct WebPushSubscriptionTests {
    private static let point =
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"

    private static func token(endpoint: String = "https://push.example.net/p/1", point: String, auth: String) -> String
    {
        #"{"endpoint":"\#(endpoint)","keys":{"p256dh":"\#(point)","auth":"\#(auth)"}}"#
    }

    @Test(arguments: ["BTBZMqHH6r4Tts7J_aSIgg", "BTBZMqHH6r4Tts7J_aSIgg=="])
    func `a browser's subscription is read`(auth: String) throws {
        let read = try WebPushSubscription(
            #"{"endpoint":"https://Push.Example.net:8443/p/1?x=y","expirationTime":null,"keys":{"p256dh":"\#(Self.point)","auth":"\#(auth)"}}"#
        )
        #expect(read.endpoint.origin == "https://push.example.net:8443")
        #expect(read.endpoint.text == "https://push.example.net:8443/p/1?x=y")
        #expect(read.authSecret.count == 16)
        #expect(Base64URL.encode(read.publicKey.x963Representation) == Self.point)
    }

    @Test(arguments: [
        "", "token", "[]", "{}", #"{"endpoint":"https://a.example/"}"#,
        token(endpoint: "ftp://a.example/", point: point, auth: "BTBZMqHH6r4Tts7J_aSIgg"),
        token(endpoint: "https://user@a.example/", point: point, auth: "BTBZMqHH6r4Tts7J_aSIgg"),
        // 15 and 17 bytes, another alphabet, no text
        token(point: point, auth: "BTBZMqHH6r4Tts7J_aSI"), token(point: point, auth: "BTBZMqHH6r4Tts7J_aSIggA"),
        token(point: point, auth: "BTBZMqHH6r4Tts7J/aSIgg"), token(point: point, auth: "BTBZMqHH6r4Tts7J_aSIgg==="),
        // The last byte changed: not on the curve. The compressed form. Too short. Zeroes.
        token(point: String(point.dropLast()) + "5", auth: "BTBZMqHH6r4Tts7J_aSIgg"),
        token(point: "AiVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcx", auth: "BTBZMqHH6r4Tts7J_aSIgg"),
        token(point: "BA", auth: "BTBZMqHH6r4Tts7J_aSIgg"),
        token(point: "BA" + String(repeating: "A", count: 85), auth: "BTBZMqHH6r4Tts7J_aSIgg"),
        #"{"endpoint":"https://a.example/","endpoint":"https://b.example/","keys":{"p256dh":"\#(point)","auth":"BTBZMqHH6r4Tts7J_aSIgg"}}"#,
    ])
    func `what is no subscription is refused`(text: String) {
        #expect(throws: WebPushSubscription.Fault.self) { try WebPushSubscription(text) }
    }
}

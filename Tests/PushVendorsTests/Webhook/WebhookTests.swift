import PushCore
import PushCredentials
import Testing

@testable import PushVendors

@Suite struct WebhookRequestTests {
    private let secret = WebhookSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    /// The example of the specification's reference libraries.
    @Test func `the signature is that of Standard Webhooks`() throws {
        let signature = try #require(secret).signature(
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestampSeconds: 1_614_265_330,
            body: Array(#"{"test": 2432232314}"#.utf8))
        #expect(signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    @Test(arguments: ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!!!"])
    func `what is no secret is refused`(text: String) { #expect(WebhookSecret(text) == nil) }

    @Test func `a new secret can be read back`() {
        let made = WebhookSecret()
        #expect(WebhookSecret(made.text)?.text == made.text)
        #expect(WebhookSecret().text != made.text)
    }

    @Test func `a visible push`() throws {
        let data = try json(#"{"k":1.50}"#)
        let made = push(.webhook, token: "tok") {
            $0.subtitle = "Sub"
            $0.badge = 2
            $0.collapseID = "c-1"
            $0.action = .init(kind: .url, value: "https://example.com/")
            $0.data = data
        }
        let request = WebhookRequest(made, secret: try #require(secret), now: exampleNow)
        #expect(
            String(decoding: request.body, as: UTF8.self)
                == #"{"type":"push.message","timestamp":"2023-11-14T22:13:20.000Z","data":{"messageId":"m-1","#
                + #""token":"tok","account":"a-1","userId":"u-1","deviceId":"d-1","title":"Title","subtitle":"Sub","#
                + #""body":"Body","badge":2,"collapseId":"c-1","ttl":3600,"priority":"high","action":{"type":"url","#
                + #""value":"https://example.com/"},"data":{"k":1.50},"silent":false}}"#)
    }

    @Test func `a silent push has no texts`() throws {
        let request = WebhookRequest(
            push(.webhook, token: "tok") { $0.isSilent = true }, secret: try #require(secret), now: exampleNow)
        #expect(
            String(decoding: request.body, as: UTF8.self)
                == #"{"type":"push.message","timestamp":"2023-11-14T22:13:20.000Z","data":{"messageId":"m-1","#
                + #""token":"tok","account":"a-1","userId":"u-1","deviceId":"d-1","collapseId":"m-1","ttl":3600,"#
                + #""priority":"normal","data":{},"silent":true}}"#)
    }

    @Test func `the id is the same on every try and the timestamp is not`() throws {
        let secret = try #require(secret)
        let first = WebhookRequest(push(.webhook), secret: secret, now: exampleNow)
        let second = WebhookRequest(push(.webhook), secret: secret, now: exampleNow + 5000)
        let id = try #require(first.headers.first(name: "webhook-id"))
        #expect(second.headers.first(name: "webhook-id") == id)
        // Nobody knows whether the first try was shown: the edit since is no second notification.
        let edited = WebhookRequest(push(.webhook) { $0.revision = 1 }, secret: secret, now: exampleNow)
        #expect(edited.headers.first(name: "webhook-id") == id)
        #expect(!id.contains("."))
        #expect(first.headers.first(name: "webhook-timestamp") == "1700000000")
        #expect(second.headers.first(name: "webhook-timestamp") == "1700000005")
        let other = WebhookRequest(push(.webhook) { $0.deviceID = "d-2" }, secret: secret, now: exampleNow)
        #expect(other.headers.first(name: "webhook-id") != id)
        #expect(
            first.headers.first(name: "webhook-signature")
                == secret.signature(id: id, timestampSeconds: 1_700_000_000, body: first.body))
    }

    @Test func `an override cannot change who it is for`() throws {
        let patch = try json(
            #"{"type":"x","data":{"token":"evil","messageId":"forged","userId":"evil","title":"New"}}"#)
        let request = WebhookRequest(
            push(.webhook, token: "tok") { $0.override = patch }, secret: try #require(secret), now: exampleNow)
        let text = String(decoding: request.body, as: UTF8.self)
        #expect(!text.contains("evil") && !text.contains("forged"))
        #expect(text.contains(#""title":"New""#) && text.contains(#""type":"push.message""#))
    }
}

@Suite struct WebhookReplyTests {
    private static let token = PushToken(vendor: .webhook, token: "tok")

    @Test(arguments: [
        (200, "", VendorAnswer.sent(vendorID: nil)), (204, "", .sent(vendorID: nil)),
        (200, #"{"rejected":["other"]}"#, .sent(vendorID: nil)), (200, #"{"rejected":[]}"#, .sent(vendorID: nil)),
        (200, #"{"rejected":["other","tok"]}"#, .dead(VendorReply(code: "rejected"))),
        (301, "", .retry(VendorReply(code: "301"))), (307, "", .retry(VendorReply(code: "307"))),
        (400, "", .retry(VendorReply(code: "400"))), (401, "", .retry(VendorReply(code: "401"))),
        (404, #"{"rejected":["tok"]}"#, .retry(VendorReply(code: "404"))),
        (410, "", .auth(VendorReply(code: "410"))),
        (429, "", .slow(VendorReply(code: "429"), scope: .credential)),
        (500, "", .retry(VendorReply(code: "500"))),
        (502, "", .slow(VendorReply(code: "502"), scope: .credential)),
        (503, "", .retry(VendorReply(code: "503"))),
        (504, "", .slow(VendorReply(code: "504"), scope: .credential)),
    ])
    func `each answer has its meaning`(status: Int, body: String, expected: VendorAnswer) {
        let reply = OutboundReply(status: status, body: Array(body.utf8))
        #expect(WebhookReply.answer(to: reply, token: Self.token, now: exampleNow) == expected)
    }

    @Test func `Retry-After is obeyed`() {
        let reply = OutboundReply(status: 503, headers: ["retry-after": "120"])
        #expect(
            WebhookReply.answer(to: reply, token: Self.token, now: exampleNow)
                == .retry(VendorReply(code: "503"), after: .seconds(120)))
    }
}

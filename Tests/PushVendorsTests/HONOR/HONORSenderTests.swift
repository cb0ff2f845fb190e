import PushCore
import Testing

@testable import PushVendors

@Suite struct HONORSenderTests {
    private static let settings = #"{"appId":"a1","clientId":"c1","clientSecret":"s1","badgeClass":"com.example.Main"}"#
    private static let accepted = StubServer.Reply.answer(
        200, body: #"{"code":200,"message":"ok","data":{"sendResult":true,"requestId":"r1"}}"#)

    private func text(_ push: VendorPush, tokens: [String] = ["tok"], _ settings: String = Self.settings) throws
        -> String
    {
        let settings = try HONORSettings(reading: json(settings), policy: EndpointPolicy(allowsPrivate: false))
        return HONORRequest(settings.completing(push), tokens: tokens, settings: settings).body.utf8Text
    }

    @Test func `a visible push`() throws {
        let data = try json(#"{"k":"v","messageId":"forged"}"#)
        let made = push(.honor) {
            $0.subtitle = "Sub"
            $0.badge = 3
            $0.action = .init(kind: .url, value: "https://example.com/")
            $0.data = data
        }
        #expect(
            try text(made)
                == #"{"data":"{\"messageId\":\"m-1\",\"subtitle\":\"Sub\",\"k\":\"v\"}","#
                + #""notification":{"title":"Title","body":"Body"},"android":{"ttl":"3600s","biTag":"m-1","#
                + #""notification":{"clickAction":{"type":2,"url":"https://example.com/"},"importance":"NORMAL","#
                + #""tag":"m-1","notifyId":\#(StableIdentifier.notifyID(of: made)),"#
                + #""badge":{"setNum":3,"badgeClass":"com.example.Main"}}},"token":["tok"]}"#)
        let plain = #"{"appId":"a1","clientId":"c1","clientSecret":"s1"}"#
        #expect(try !text(made, plain).contains("badge"))
    }

    @Test func `a silent push is data only, whatever an override says`() throws {
        let patch = try json(
            #"{"token":["evil"],"notification":{"title":"x"},"android":{"biTag":"forged","notification":{}},"data":{"a":1}}"#
        )
        let made = push(.honor) {
            $0.isSilent = true
            $0.override = patch
        }
        #expect(
            try text(made)
                == #"{"data":"{\"messageId\":\"m-1\",\"a\":1}","android":{"ttl":"3600s","biTag":"m-1"},"token":["tok"]}"#
        )
    }

    @Test func `marketing and replacements do not ring`() throws {
        #expect(try text(push(.honor) { $0.messageClass = .marketing }).contains(#""importance":"LOW""#))
        #expect(try text(push(.honor) { $0.sound = "" }).contains(#""importance":"LOW""#))
        #expect(try text(push(.honor) { $0.timeToLiveSeconds = 9_999_999 }).contains(#""ttl":"1296000s""#))
    }

    @Test func `a body too long is cut, to the length in the settings`() throws {
        let long = push(.honor) { $0.body = String(repeating: "长", count: 4000) }
        for (settings, most) in [
            (Self.settings, 4096), (#"{"appId":"a","clientId":"c","clientSecret":"s","payloadBytes":2048}"#, 2048),
        ] {
            let bytes = try json(text(long, tokens: [], settings)).bytes.count
            #expect(bytes <= most && bytes > most - 20)
        }
    }

    @Test func `settings point at every fault and show no secret`() throws {
        #expect(try settingsFaults(.honor, "{}") == ["/appId", "/clientId", "/clientSecret"])
        #expect(
            try settingsFaults(
                .honor, #"{"appId":"a","clientId":"c","clientSecret":"s","loginPath":"x","payloadBytes":1}"#)
                == ["/loginPath", "/payloadBytes"])
        let forms = try settingsForms(
            .honor,
            #"{"appId":"a","clientId":"c","clientSecret":"secret-1","loginPath":"/auth/old","payloadBytes":3000}"#)
        #expect(forms.readsBack && !forms.shown.contains("secret") && forms.stored.contains("secret-1"))
        #expect(forms.shown == #"{"appId":"a","clientId":"c","loginPath":"/auth/old","payloadBytes":3000}"#)
    }

    @Test func `a batch is one request, after one login`() async throws {
        try await withVendor(.honor, Self.settings) { request in
            if request.path == "/auth/token" { return oauthLogin(1) }
            return .answer(
                200,
                body: #"{"code":80100000,"message":"part","data":{"requestId":"r1","expireTokens":["token-b"]}}"#)
        } _: { sender, server in
            #expect(sender.batchForm == .sameContent(max: 1000))
            let answers: [VendorAnswer] = await sender.send(
                ["a", "b", "c"].map { push(.honor, token: "token-" + $0) })
            let dead = VendorAnswer.dead(VendorReply(code: "80100000", text: "part"))
            #expect(answers == [.sent(vendorID: "r1"), dead, .sent(vendorID: "r1")])
            #expect(server.requests.map(\.path) == ["/auth/token", "/api/v1/a1/sendMessage"])
            #expect(
                server.requests.first?.body.utf8Text
                    == "grant_type=client_credentials&client_id=c1&client_secret=s1")
            let send = try #require(server.requests.last)
            #expect(send.headers.first(name: "authorization") == "Bearer t1")
            #expect(send.headers.first(name: "timestamp") == "\(exampleNow)")
            #expect(send.headers.first(name: "content-type") == "application/json")
        }
    }

    @Test(arguments: [(403, ""), (200, #"{"code":80200003}"#)])
    func `an ended access token is renewed once, also under load`(status: Int, body: String) async throws {
        let logins = Counter()
        try await withVendor(.honor, Self.settings) { request in
            if request.path == "/auth/token" { return oauthLogin(logins.next()) }
            return request.headers.first(name: "authorization") == "Bearer t2"
                ? Self.accepted : .answer(status, body: body)
        } _: { sender, _ in
            let sent = await withTaskGroup(of: VendorAnswer.self) { group in
                for _ in 0..<50 { group.addTask { await sender.send(push(.honor)) } }
                return await group.reduce(into: 0) { $0 += $1 == .sent(vendorID: "r1") ? 1 : 0 }
            }
            #expect(sent == 50)
            #expect(logins.value == 2)
        }
    }

    @Test func `a check logs in and sends nothing`() async throws {
        try await withVendor(.honor, Self.settings) { _ in
            oauthLogin(1)
        } _: { sender, server in
            #expect(await sender.check(push(.honor)) == .sent(vendorID: nil))
            #expect(server.requests.map(\.path) == ["/auth/token"])
        }
        try await withVendor(.honor, Self.settings) { _ in
            .answer(401, body: #"{"error":"invalid_client"}"#)
        } _: { sender, _ in
            #expect(await sender.check(push(.honor)) == .auth(VendorReply(code: "invalid_client")))
        }
    }
}

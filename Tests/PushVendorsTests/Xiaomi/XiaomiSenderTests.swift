import PushCore
import Testing

@testable import PushVendors

@Suite struct XiaomiSenderTests {
    private static let settings = #"{"packageName":"com.example.app","appSecret":"sec=="}"#
    private static let accepted = StubServer.Reply.answer(200, body: #"{"result":"ok","code":0,"data":{"id":"x1"}}"#)

    private func form(
        _ push: VendorPush, tokens: [String] = ["tok"], _ settings: String = Self.settings, receiptURL: String? = nil
    ) throws -> [String: String] {
        let settings = try XiaomiSettings(reading: json(settings), policy: EndpointPolicy(allowsPrivate: false))
        let request = XiaomiRequest(
            settings.completing(push), tokens: tokens, settings: settings, receiptURL: receiptURL)
        return StubServer.Request(path: "", headers: [:], body: request.body).form
    }

    @Test func `a visible push`() throws {
        let data = try json(#"{"k":"v & w","messageId":"forged"}"#)
        let made = push(.xiaomi) {
            $0.channel = "chat"
            $0.sound = "android.resource://com.example.app/raw/ping"
            $0.action = .init(kind: .url, value: "https://example.com/?a=1&b=2")
            $0.data = data
        }
        let key = StableIdentifier.revisionText(of: made, digits: 20)
        #expect(
            try form(made, tokens: ["a", "b"], receiptURL: "https://push.example.com/r") == [
                "registration_id": "a,b", "restricted_package_name": "com.example.app", "pass_through": "0",
                "payload": #"{"messageId":"m-1","k":"v & w"}"#, "title": "Title", "description": "Body",
                "notify_type": "-1", "notify_id": "\(StableIdentifier.notifyID(of: made))",
                "extra.notify_effect": "3", "extra.web_uri": "https://example.com/?a=1&b=2",
                "extra.sound_uri": "android.resource://com.example.app/raw/ping", "time_to_live": "3600000",
                "extra.messageId": "m-1", "extra.jobkey": key, "extra.channel_id": "chat",
                "extra.callback": "https://push.example.com/r", "extra.callback.param": "m-1",
                "extra.callback.type": "1267",
            ])
        #expect(key.count == 20 && key.allSatisfy(\.isHexDigit))
        var edited = made
        edited.revision = 1
        #expect(try form(edited)["extra.jobkey"] != key)
        edited.revision = 0
        edited.deviceID = "other"
        #expect(try form(edited)["extra.jobkey"] == key)
    }

    @Test func `a silent push is passed through`() throws {
        let made = try form(push(.xiaomi) { $0.isSilent = true })
        #expect(made["pass_through"] == "1" && made["payload"] == #"{"messageId":"m-1"}"#)
        #expect(made["title"] == nil && made["notify_type"] == nil && made["extra.messageId"] == "m-1")
    }

    @Test func `pass-through can be turned off`() throws {
        let vendors = LiveVendors(clock: .system, connections: try connections())
        let on = try vendors.makeSender(for: .xiaomi, settings: json(Self.settings), tenantNo: "acme")
        #expect(on.canSendSilently)
        let off = try vendors.makeSender(
            for: .xiaomi, settings: json(Self.settings).merging(json(#"{"passThrough":false}"#)), tenantNo: "acme")
        #expect(!off.canSendSilently)
    }

    @Test func `each action has its effect`() throws {
        let page = try form(push(.xiaomi) { $0.action = .init(kind: .page, value: "intent:#Intent;end") })
        #expect(page["extra.notify_effect"] == "2" && page["extra.intent_uri"] == "intent:#Intent;end")
        #expect(try form(push(.xiaomi))["extra.notify_effect"] == "1")
    }

    @Test func `texts, payload and life keep the vendor's limits`() throws {
        let data = try json(#"{"k":"\#(String(repeating: "长", count: 500))"}"#)
        let made = try form(
            push(.xiaomi) {
                $0.title = String(repeating: "t", count: 60)
                $0.body = String(repeating: "长", count: 200)
                $0.data = data
            })
        #expect(made["title"] == String(repeating: "t", count: 48) + "…")
        #expect(made["description"] == String(repeating: "长", count: 126) + "…")
        // 500 characters are 4500 bytes in the form.
        #expect(made["payload"] == #"{"messageId":"m-1"}"#)
        #expect(try form(push(.xiaomi) { ($0.title, $0.body) = ("", "") })["title"] == "…")
        #expect(try form(push(.xiaomi) { $0.timeToLiveSeconds = 9_999_999 })["time_to_live"] == "86400000")
        let channel = try form(
            push(.xiaomi) {
                $0.timeToLiveSeconds = 9_999_999
                $0.channel = "c"
            })
        #expect(channel["time_to_live"] == "864000000")
        let now = try form(push(.xiaomi) { $0.timeToLiveSeconds = 0 })
        #expect(now["extra.only_send_once"] == "1" && now["time_to_live"] == nil)
        let far = "https://example.com/" + String(repeating: "r", count: 120)
        #expect(try form(push(.xiaomi), receiptURL: far)["extra.callback"] == nil)
    }

    @Test func `marketing has its channel, and a replacement does not ring`() throws {
        let settings = #"{"packageName":"p","appSecret":"s","channel":"chat","marketingChannel":"news"}"#
        #expect(try form(push(.xiaomi), settings)["extra.channel_id"] == "chat")
        #expect(try form(push(.xiaomi) { $0.messageClass = .marketing }, settings)["extra.channel_id"] == "news")
        // The channel for service is no fallback: vendors punish marketing in it.
        let service = #"{"packageName":"p","appSecret":"s","channel":"chat"}"#
        #expect(try form(push(.xiaomi) { $0.messageClass = .marketing }, service)["extra.channel_id"] == nil)
        #expect(try form(push(.xiaomi) { $0.sound = "" })["notify_type"] == "4")
    }

    @Test func `an override changes the form, but no target, id or form of showing`() throws {
        let extras = (0..<20).map { #""x\#($0)":"v""# }.joined(separator: ",")
        let patch = try json(
            #"{"registration_id":"evil","topic":"all","restricted_package_name":"evil","pass_through":1,"payload":"{\"messageId\":\"forged\",\"x\":1}","notify_type":2,"title":null,"extra.jobkey":"evil","extra":{"messageId":"forged","ticker":"T",\#(extras)}}"#
        )
        let made = try form(push(.xiaomi) { $0.override = patch })
        #expect(!made.values.contains { $0.contains("evil") || $0.contains("forged") })
        #expect(made["topic"] == nil && made["pass_through"] == "0" && made["title"] == nil)
        #expect(made["notify_type"] == "2" && made["extra.ticker"] == "T")
        #expect(made["payload"] == #"{"messageId":"m-1","x":1}"# && made["extra.messageId"] == "m-1")
        #expect(made.keys.filter { $0.hasPrefix("extra.x") }.count == 9)
    }

    @Test func `settings point at every fault and show no secret`() throws {
        #expect(try settingsFaults(.xiaomi, "{}") == ["/packageName", "/appSecret"])
        #expect(
            try settingsFaults(
                .xiaomi, #"{"packageName":"a b","appSecret":"a\nb","region":"us","passThrough":1,"ttlSeconds":0}"#)
                == ["/packageName", "/appSecret", "/region", "/passThrough", "/ttlSeconds"])
        let forms = try settingsForms(.xiaomi, #"{"packageName":"com.x","appSecret":"secret-1","region":"idmb"}"#)
        #expect(forms.readsBack && forms.shown == #"{"packageName":"com.x","region":"idmb"}"#)
        #expect(XiaomiSettings.Region.china.host == "api.xmpush.xiaomi.com")
        #expect(XiaomiSettings.Region.europe.host == "fr-api.xmpush.global.xiaomi.com")
    }

    @Test func `a batch is one request with the key`() async throws {
        try await withVendor(.xiaomi, Self.settings, publicURL: "https://push.example.com") { _ in
            Self.accepted
        } _: { sender, server in
            #expect(sender.batchForm == .sameContent(max: 1000))
            let answers: [VendorAnswer] = await sender.send(["a", "b,c", "d"].map { push(.xiaomi, token: $0) })
            let illegal = VendorAnswer.dead(VendorReply(code: "illegal_token", isLocal: true))
            #expect(answers == [.sent(vendorID: "x1"), illegal, .sent(vendorID: "x1")])
            #expect(server.requests.map(\.path) == ["/v3/message/regid"])
            let request = try #require(server.requests.first)
            #expect(request.headers.first(name: "authorization") == "key=sec==")
            #expect(request.headers.first(name: "content-type") == "application/x-www-form-urlencoded")
            #expect(request.form["registration_id"] == "a,d")
            #expect(
                request.form["extra.callback"]?.hasPrefix("https://push.example.com/v1/receipts/xiaomi/acme/") == true)
        }
    }

    @Test func `a batch refused for one id is divided until it is found`() async throws {
        try await withVendor(.xiaomi, Self.settings) { request in
            let ids = request.form["registration_id"]?.split(separator: ",") ?? []
            return ids.contains("bad-5") ? .answer(200, body: #"{"code":10029,"reason":"illegal"}"#) : Self.accepted
        } _: { sender, server in
            let batch = (0..<16).map { push(.xiaomi, token: $0 == 5 ? "bad-5" : "good-\($0)") }
            let answers: [VendorAnswer] = await sender.send(batch)
            for (index, answer) in answers.enumerated() {
                let dead = VendorAnswer.dead(VendorReply(code: "10029", text: "illegal"))
                #expect(answer == (index == 5 ? dead : .sent(vendorID: "x1")))
            }
            #expect(answers.count == 16 && server.requests.count == 9)
        }
    }

    @Test func `dividing ends, and what was not told apart is tried again`() async throws {
        try await withVendor(.xiaomi, Self.settings) { _ in
            .answer(200, body: #"{"code":10029,"reason":"illegal"}"#)
        } _: { sender, server in
            let answers: [VendorAnswer] = await sender.send((0..<1000).map { push(.xiaomi, token: "bad-\($0)") })
            #expect(answers.count == 1000 && server.requests.count <= BatchSplit.requestsMax)
            let words = VendorReply(code: "10029", text: "illegal")
            #expect(answers.contains(.dead(words)) && answers.contains(.retry(words)))
            #expect(answers.allSatisfy { $0 == .dead(words) || $0 == .retry(words) })
        }
    }

    @Test(arguments: [
        (#"{"code":0,"data":{"id":"1"}}"#, VendorAnswer.sent(vendorID: nil)),
        (#"{"code":10029,"reason":"words"}"#, .sent(vendorID: nil)),
        (#"{"code":21301,"reason":"words"}"#, .auth(VendorReply(code: "21301", text: "words"))),
        (#"{"code":27001,"reason":"words"}"#, .auth(VendorReply(code: "27001", text: "words"))),
    ])
    func `a check goes to an id that is nobody's`(body: String, expected: VendorAnswer) async throws {
        try await withVendor(.xiaomi, Self.settings) { _ in
            .answer(200, body: body)
        } _: { sender, server in
            #expect(await sender.check(push(.xiaomi, token: "somebody")) == expected)
            #expect(server.requests.first?.form["registration_id"] == "pushgate-credential-check")
            #expect(server.requests.first?.form["extra.only_send_once"] == "1")
        }
    }

    @Test func `what was written and not answered is unknown`() async throws {
        try await withVendor(.xiaomi, Self.settings) { _ in
            .close
        } _: { sender, _ in
            let lost = VendorAnswer.unknown(VendorReply(code: "connection_lost"))
            let answers: [VendorAnswer] = await sender.send([push(.xiaomi), push(.xiaomi, token: "b")])
            #expect(answers == [lost, lost])
        }
    }
}

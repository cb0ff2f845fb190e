import PushCore
import Testing

@testable import PushVendors

@Suite struct HuaweiRequestTests {
    private func settings(_ more: String = "{}") throws -> HuaweiSettings {
        let whole = try json(#"{"projectId":"p1","clientId":"c1","clientSecret":"s1"}"#).merging(json(more))
        return try HuaweiSettings(reading: whole, policy: EndpointPolicy(allowsPrivate: false))
    }

    private func text(_ push: VendorPush, tokens: [String] = ["tok"], _ more: String = "{}", isDryRun: Bool = false)
        throws -> String
    {
        let settings = try settings(more)
        return HuaweiRequest(settings.completing(push), tokens: tokens, settings: settings, isDryRun: isDryRun).body
            .utf8Text
    }

    @Test func `a visible push`() throws {
        let data = try json(#"{"k":"v","n":1.50,"messageId":"forged"}"#)
        let made = push(.huawei) {
            $0.image = "https://example.com/i.png"
            $0.sound = "/raw/ping"
            $0.badge = 130
            $0.category = "IM"
            $0.channel = "chat"
            $0.collapseID = "c-1"
            $0.action = .init(kind: .page, value: "com.example.CHAT")
            $0.data = data
        }
        let id = StableIdentifier.notifyID(of: made)
        #expect(
            try text(made, tokens: ["a", "b"], #"{"badgeClass":"com.example.Main"}"#)
                == #"{"message":{"data":"{\"messageId\":\"m-1\",\"k\":\"v\",\"n\":1.50}","#
                + #""notification":{"title":"Title","body":"Body","image":"https://example.com/i.png"},"#
                + #""android":{"category":"IM","ttl":"3600s","bi_tag":"m-1","notification":{"#
                + #""click_action":{"type":1,"action":"com.example.CHAT"},"channel_id":"chat","tag":"c-1","#
                + #""notify_id":\#(id),"importance":"NORMAL","sound":"/raw/ping","default_sound":false,"#
                + #""badge":{"set_num":99,"class":"com.example.Main"}}},"token":["a","b"]}}"#)
    }

    @Test func `a silent push has data and no notification, whatever an override says`() throws {
        let patch = try json(#"{"message":{"notification":{"title":"x"},"android":{"notification":{"title":"x"}}}}"#)
        let made = push(.huawei) {
            $0.isSilent = true
            $0.isHighPriority = true
            $0.override = patch
        }
        #expect(
            try text(made)
                == #"{"message":{"data":"{\"messageId\":\"m-1\"}","android":{"urgency":"NORMAL","ttl":"3600s","#
                + #""bi_tag":"m-1"},"token":["tok"]}}"#)
        #expect(try text(made, #"{"urgentData":true}"#).contains(#""urgency":"HIGH""#))
    }

    @Test func `each action has its click`() throws {
        func click(_ kind: VendorPush.ClickAction.Kind, _ value: String) throws -> String {
            let made = try json(text(push(.huawei) { $0.action = .init(kind: kind, value: value) }))
            return made.value(at: ["message", "android", "notification", "click_action"])?.text ?? ""
        }
        #expect(try click(.app, "") == #"{"type":3}"#)
        #expect(try click(.url, "https://example.com/") == #"{"type":2,"url":"https://example.com/"}"#)
        #expect(try click(.page, "com.example.P") == #"{"type":1,"action":"com.example.P"}"#)
        #expect(try click(.intent, "intent://a#Intent;end") == #"{"type":1,"intent":"intent://a#Intent;end"}"#)
        #expect(try text(push(.huawei)).contains(#""click_action":{"type":3}"#))
    }

    @Test func `marketing is low and says so, and never goes out as the tenant's service category`() throws {
        let marketing = push(.huawei) { $0.messageClass = .marketing }
        let made = try text(marketing, #"{"category":"IM"}"#)
        #expect(made.contains(#""category":"MARKETING""#) && made.contains(#""importance":"LOW""#))
        #expect(try text(push(.huawei), #"{"category":"IM"}"#).contains(#""category":"IM""#))
        #expect(try !text(push(.huawei)).contains("category"))
    }

    @Test func `a replacement does not ring`() throws {
        let made = try text(push(.huawei) { $0.sound = "" })
        #expect(made.contains(#""importance":"LOW""#) && !made.contains("sound"))
        #expect(try text(push(.huawei)).contains(#""default_sound":true"#))
    }

    @Test(arguments: [(0, "0s"), (60, "60s"), (9_999_999, "1296000s")])
    func `the time to live is within 15 days`(ttl: Int, expected: String) throws {
        #expect(try text(push(.huawei) { $0.timeToLiveSeconds = ttl }).contains(#""ttl":"\#(expected)""#))
    }

    @Test func `an override cannot change targets, message id or dry run`() throws {
        let patch = try json(
            #"{"validate_only":true,"message":{"token":["evil"],"topic":"all","condition":"c","data":"{\"messageId\":\"forged\",\"x\":1}","android":{"bi_tag":"forged","category":"WORK"}}}"#
        )
        let made = try text(push(.huawei) { $0.override = patch })
        for name in ["evil", "topic", "condition", "validate_only", "forged"] { #expect(!made.contains(name)) }
        #expect(made.contains(#""data":"{\"messageId\":\"m-1\",\"x\":1}""#) && made.contains(#""category":"WORK""#))
        let removal = try json(#"{"message":null}"#)
        let rest = try json(text(push(.huawei) { $0.override = removal }))
        #expect(rest.value(at: ["message", "token"])?.text == #"["tok"]"#)
        #expect(rest.value(at: ["message", "data"])?.string == #"{"messageId":"m-1"}"#)
        let noise = try json(#"{"message":{"data":"no object"}}"#)
        #expect(try text(push(.huawei) { $0.override = noise }).contains(#""data":"{\"messageId\":\"m-1\"}""#))
    }

    @Test func `a body too long is cut, not counting the tokens`() throws {
        let tokens = (0..<1000).map { "token-\($0)-" + String(repeating: "x", count: 100) }
        let made = try text(push(.huawei) { $0.body = String(repeating: "长", count: 4000) }, tokens: tokens)
        let whole = try json(made)
        #expect(whole.value(at: ["message", "token"])?.array?.count == 1000)
        let without = whole.setting(try json("[]"), at: ["message", "token"])
        #expect(without.bytes.count <= 4096 && without.bytes.count > 4080)
        #expect(whole.value(at: ["message", "notification", "body"])?.string?.hasSuffix("长…") == true)
        let data = try json(#"{"k":"\#(String(repeating: "d", count: 5000))"}"#)
        let reduced = try text(push(.huawei) { $0.data = data })
        #expect(reduced.contains(#""data":"{\"messageId\":\"m-1\"}""#) && reduced.contains(#""body":"Body""#))
    }

    @Test func `what Huawei would refuse is mended`() throws {
        let blank = try json(text(push(.huawei) { ($0.title, $0.body) = (" ", "") }))
        #expect(blank.value(at: ["message", "notification"])?.text == #"{"title":"…","body":"…"}"#)
        #expect(try !text(push(.huawei) { $0.image = "http://example.com/i.png" }).contains("image"))
    }

    @Test func `settings point at every fault and show no secret`() throws {
        #expect(try settingsFaults(.huawei, "{}") == ["/projectId", "/clientId", "/clientSecret"])
        #expect(
            try settingsFaults(
                .huawei,
                #"{"projectId":"a/b","clientId":1,"clientSecret":"s","urgentData":"yes","callbackKey":5,"endpoint":"http://127.0.0.1"}"#
            ) == ["/projectId", "/clientId", "/callbackKey", "/urgentData", "/endpoint"])
        let forms = try settingsForms(
            .huawei,
            #"{"projectId":"p1","appId":"a1","clientSecret":"secret-1","callbackKey":"secret-2","callbackUser":"reports","category":"IM","marketingChannel":"m"}"#
        )
        #expect(forms.readsBack && !forms.shown.contains("secret"))
        #expect(
            forms.shown
                == #"{"projectId":"p1","appId":"a1","clientId":"a1","callbackUser":"reports","category":"IM","marketingChannel":"m"}"#
        )
        for secret in ["secret-1", "secret-2"] { #expect(forms.stored.contains(secret)) }
    }
}

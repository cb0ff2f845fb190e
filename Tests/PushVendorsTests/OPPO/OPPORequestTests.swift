import PushCore
import Testing

@testable import PushVendors

@Suite struct OPPORequestTests {
    private func message(_ push: VendorPush, _ more: String = "{}", receiptURL: String? = nil) throws -> RawJSON {
        let whole = try json(#"{"appKey":"k","masterSecret":"s"}"#).merging(json(more))
        let settings = try OPPOSettings(reading: whole, policy: EndpointPolicy(allowsPrivate: false))
        return OPPORequest.message(of: settings.completing(push), settings: settings, receiptURL: receiptURL)
    }

    private func field(_ name: String, _ push: VendorPush, _ more: String = "{}") throws -> String? {
        try message(push, more).value(at: ["notification", name])?.text
    }

    @Test func `a visible push`() throws {
        let data = try json(#"{"k":"v","messageId":"forged"}"#)
        let made = push(.oppo, token: "OPPO_CN_1") {
            $0.subtitle = "A subtitle of some length"
            $0.channel = "chat"
            $0.category = "IM"
            $0.data = data
        }
        let id = StableIdentifier.revisionText(of: made, digits: 32)
        #expect(
            try message(made, receiptURL: "https://push.example.com/r").text
                == #"{"target_type":2,"target_value":"OPPO_CN_1","notification":{"app_message_id":"\#(id)","#
                + #""style":1,"title":"Title","sub_title":"A subtitl…","content":"Body","click_action_type":0,"#
                + #""action_parameters":"{\"messageId\":\"m-1\",\"subtitle\":\"A subtitle of some length\",\"k\":\"v\"}","#
                + #""off_line":true,"off_line_ttl":3600,"notify_id":\#(StableIdentifier.notifyID(of: made)),"#
                + #""channel_id":"chat","category":"IM","notify_level":16,"#
                + #""call_back_url":"https://push.example.com/r","call_back_parameter":"m-1"}}"#)
        var edited = made
        edited.revision = 1
        #expect(try field("app_message_id", edited) != field("app_message_id", made))
    }

    @Test func `each action has its click`() throws {
        func click(_ kind: VendorPush.ClickAction.Kind, _ value: String) throws -> [String?] {
            let made = push(.oppo) { $0.action = .init(kind: kind, value: value) }
            return try ["click_action_type", "click_action_activity", "click_action_url"].map { try field($0, made) }
        }
        #expect(try click(.app, "") == ["0", nil, nil])
        #expect(try click(.url, "https://example.com/") == ["2", nil, #""https://example.com/""#])
        #expect(try click(.page, "com.example.Page") == ["4", #""com.example.Page""#, nil])
        #expect(try click(.intent, "com.example.OPEN") == ["1", #""com.example.OPEN""#, nil])
        #expect(try click(.intent, "intent:#Intent;end") == ["5", nil, #""intent:#Intent;end""#])
        #expect(try click(.page, String(repeating: "p", count: 501)) == ["0", nil, nil])
        #expect(try click(.url, "https://e.com/" + String(repeating: "p", count: 2000)) == ["0", nil, nil])
    }

    @Test func `the level needs a category, and quiet or marketing pushes have the lowest`() throws {
        #expect(try field("notify_level", push(.oppo)) == nil)
        let category = #"{"category":"IM"}"#
        #expect(try field("notify_level", push(.oppo), category) == "16")
        #expect(try field("notify_level", push(.oppo) { $0.isHighPriority = false }, category) == "2")
        #expect(try field("notify_level", push(.oppo) { $0.sound = "" }, category) == "1")
        #expect(try field("notify_level", push(.oppo), #"{"category":"IM","notifyLevel":2}"#) == "2")
        let marketing = push(.oppo) { $0.messageClass = .marketing }
        #expect(try field("category", marketing, category) == nil)
        let both = #"{"category":"IM","marketingCategory":"MARKETING"}"#
        #expect(try field("category", marketing, both) == #""MARKETING""#)
        #expect(try field("notify_level", marketing, both) == "1")
    }

    @Test func `texts, parameters and life keep the vendor's limits`() throws {
        let data = try json(#"{"k":"\#(String(repeating: "d", count: 4000))"}"#)
        let made = push(.oppo) {
            $0.title = String(repeating: "长", count: 60)
            $0.body = String(repeating: "b", count: 300)
            $0.timeToLiveSeconds = 9_999_999
            $0.data = data
        }
        #expect(try field("title", made) == "\"" + String(repeating: "长", count: 49) + "…\"")
        #expect(try field("content", made) == "\"" + String(repeating: "b", count: 49) + "…\"")
        #expect(
            try field("content", made, #"{"contentCharacters":200}"#) == "\"" + String(repeating: "b", count: 199)
                + "…\"")
        #expect(try field("action_parameters", made) == #""{\"messageId\":\"m-1\"}""#)
        #expect(try field("off_line_ttl", made) == "864000")
        let now = push(.oppo) { $0.timeToLiveSeconds = 0 }
        #expect(try field("off_line", now) == "false")
        #expect(try field("off_line_ttl", now) == nil)
        let far = "https://example.com/" + String(repeating: "r", count: 200)
        #expect(try message(push(.oppo), receiptURL: far).value(at: ["notification", "call_back_url"]) == nil)
    }

    @Test func `an override cannot change target or message id`() throws {
        let patch = try json(
            #"{"target_type":1,"target_value":"evil","notification":{"app_message_id":"evil","title":"T","action_parameters":{"messageId":"evil","x":1}}}"#
        )
        let made = try message(push(.oppo, token: "tok") { $0.override = patch })
        #expect(!made.text.contains("evil") && made.value(at: ["target_type"])?.integer == 2)
        #expect(made.value(at: ["notification", "title"])?.string == "T")
        #expect(made.value(at: ["notification", "action_parameters"])?.string == #"{"messageId":"m-1","x":1}"#)
    }

    @Test func `settings point at every fault and show no secret`() throws {
        #expect(try settingsFaults(.oppo, "{}") == ["/appKey", "/masterSecret"])
        #expect(
            try settingsFaults(.oppo, #"{"appKey":"k","masterSecret":"s","contentCharacters":500,"notifyLevel":3}"#)
                == ["/contentCharacters", "/notifyLevel"])
        let forms = try settingsForms(
            .oppo, #"{"appKey":"k","masterSecret":"secret-1","contentCharacters":200,"notifyLevel":2,"channel":"c"}"#)
        #expect(forms.readsBack && forms.stored.contains("secret-1"))
        #expect(forms.shown == #"{"appKey":"k","contentCharacters":200,"notifyLevel":2,"channel":"c"}"#)
    }
}

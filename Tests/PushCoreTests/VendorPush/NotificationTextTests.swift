import PushTestSupport
import Testing

@testable import PushCore

@Suite struct NotificationTextTests {
    private func subject(
        _ message: ArchivedMessage, language: String? = "en", templates: [(MessageType, String)] = [],
        names: SenderNames = SenderNames(user: "ann"), _ change: (inout TenantSettings) -> Void = { _ in }
    ) throws -> PushSubject {
        let device = Device.sample()
        let info: RawJSON = try language.map { try .json(#"{"language":"\#($0)"}"#) } ?? .emptyObject
        let spoken = Device(
            key: device.key, deviceID: device.deviceID, tenantKey: device.tenantKey, account: device.account,
            userID: device.userID, uniqueCode: device.uniqueCode, osType: .ios, status: device.status,
            pushEnabled: true, tokens: device.tokens, info: info, registeredAt: 0, lastSeenAt: 0, endedAt: nil,
            startSeq: 0)
        var tenant = Tenant.sample
        for (type, languages) in templates {
            tenant.templates.set(try NotificationTemplates.Languages(checking: .json(languages)), for: type)
        }
        change(&tenant.settings)
        var subject = PushSubject(
            message: message, device: spoken, tenant: tenant, token: nil, isAcknowledged: false,
            senderName: names.shown)
        subject.names = names
        return subject
    }

    private func push(_ subject: PushSubject) -> VendorPush {
        PushContent.push(subject, token: PushToken(vendor: .fcm, token: "t"), limits: Limits(), now: 2000)
    }

    // MARK: Built in

    @Test(
        arguments: [
            (.text, #"{"text":"hi <3"}"#, "hi <3", "hi <3"), (.text, #"{"x":1}"#, "[Message]", "[消息]"),
            (.image, "{}", "[Photo]", "[图片]"), (.voice, "{}", "[Voice message]", "[语音]"),
            (.video, "{}", "[Video]", "[视频]"), (.file, #"{"fileName":"a.pdf"}"#, "[File]", "[文件]"),
            (.appCard, #"{"title":"Bill"}"#, "Bill", "Bill"), (.appCard, "{}", "[Card]", "[卡片]"),
            (.prescription, #"{"title":"Rx"}"#, "Rx", "Rx"), (.prescription, "{}", "[Prescription]", "[处方]"),
            (.orgUpdate, "{}", "[Organization update]", "[组织更新]"), (.custom, "{}", "[Message]", "[消息]"),
            (.unknown, "{}", "[Message]", "[消息]"), (MessageType(rawValue: 77), "{}", "[Message]", "[消息]"),
            (
                .custom,
                #"{"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"at "}},{"MsgType":"TIMLocationElem","#
                    + #""MsgContent":{"Desc":"x"}},{"MsgType":"TIMFaceElem","MsgContent":{}},{"MsgType":"TIMImageElem","#
                    + #""MsgContent":{}},{"MsgType":"TIMCustomElem","MsgContent":{"Desc":"!"}}]}"#,
                "at [Location][Face][Photo]!", "at [位置][表情][图片]!"
            ),
            (.custom, #"{"MsgBody":[{"MsgType":"TIMCustomElem","MsgContent":{}}]}"#, "[Message]", "[消息]"),
            (.custom, #"{"MsgBody":"x"}"#, "[Message]", "[消息]"),
            (.call, #"{"status":"invite"}"#, "[Call]", "[通话]"),
            (.call, #"{"avType":1}"#, "[Voice call]", "[语音通话]"),
            (.call, #"{"avType":"audio"}"#, "[Voice call]", "[语音通话]"),
            (.call, #"{"avType":2}"#, "[Video call]", "[视频通话]"),
            (.call, #"{"avType":"VIDEO"}"#, "[Video call]", "[视频通话]"),
        ] as [(MessageType, String, String, String)])
    func `every type has words in both languages`(
        type: MessageType, content: String, english: String, chinese: String
    ) throws {
        let message = try ArchivedMessage.sample(type: type, content: .json(content))
        for language in ["en-GB", "fr", nil] {
            let text = NotificationText(of: try subject(message, language: language))
            #expect(text.title == "ann" && text.body == english && text.subtitle == nil)
        }
        for language in ["zh", "zh-Hant-TW", "zh_CN", "ZH-hk"] {
            #expect(NotificationText(of: try subject(message, language: language)).body == chinese)
        }
        let defaulted = try subject(message, language: "fr") { $0.language = "zh-CN" }
        #expect(NotificationText(of: defaulted).body == chinese)
        let own = try subject(message, language: "en") { $0.language = "zh-CN" }
        #expect(NotificationText(of: own).body == english)
    }

    @Test func `the title is the group's, user's or app's name, else the tenant's`() throws {
        let message = try ArchivedMessage.sample(form: .group)
        func text(_ names: SenderNames) throws -> NotificationText {
            NotificationText(of: try subject(message, names: names))
        }
        let inGroup = try text(SenderNames(group: "Team", user: "ann", app: "Shop"))
        #expect(inGroup.title == "Team" && inGroup.subtitle == "ann" && inGroup.body == "hi")
        let nameless = try text(SenderNames(user: "ann", app: "Shop"))
        #expect(nameless.title == "ann" && nameless.subtitle == nil, "the name is not said twice")
        #expect(try text(SenderNames(app: "Shop")).title == "Shop")
        #expect(try text(SenderNames()).title == "Acme")
        let own = try ArchivedMessage.sample(form: .group, push: #"{"subtitle":"Own"}"#)
        #expect(NotificationText(of: try subject(own, names: SenderNames(group: "T", user: "u"))).subtitle == "Own")
    }

    // MARK: The tenant's

    @Test func `the sender's texts win over the template, and that over the built-in ones`() throws {
        let templates: [(MessageType, String)] = [
            (.text, #"{"en":{"title":"T {{sender}}","body":"B {{text}}"},"zh-Hant":{"body":"{{sender}}：{{text}}"}}"#)
        ]
        func text(_ push: String?, _ language: String, type: MessageType = .text) throws -> [String?] {
            let message = try ArchivedMessage.sample(form: .group, type: type, push: push)
            let names = SenderNames(group: "Team", user: "ann")
            let text = NotificationText(
                of: try subject(message, language: language, templates: templates, names: names))
            return [text.title, text.subtitle, text.body]
        }
        #expect(try text(nil, "en-US") == ["T Team", nil, "B hi"])
        #expect(try text(#"{"title":"Own"}"#, "en") == ["Own", nil, "B hi"])
        #expect(try text(#"{"title":"Own","body":"Words"}"#, "en") == ["Own", nil, "Words"])
        #expect(try text(nil, "zh-Hant-TW") == ["Team", nil, "Team：hi"], "without a title it stays built in")
        #expect(try text(nil, "zh-Hans") == ["T Team", nil, "B hi"], "no language of the device's: English")
        #expect(try text(nil, "en", type: .image) == ["Team", "ann", "[Photo]"], "another type")
    }

    @Test func `a template for CUSTOM serves what is passed on as such`() throws {
        let templates: [(MessageType, String)] = [
            (.custom, #"{"en":{"body":"custom {{type}}"}}"#), (MessageType(rawValue: 12), #"{"en":{"body":"twelve"}}"#),
        ]
        func body(_ type: Int) throws -> String {
            let message = try ArchivedMessage.sample(type: MessageType(rawValue: type), content: .json("{}"))
            return NotificationText(of: try subject(message, templates: templates)).body
        }
        #expect(try body(9) == "custom CUSTOM")
        #expect(try body(-1) == "custom UNKNOWN")
        #expect(try body(200) == "custom 200")
        #expect(try body(12) == "twelve")
        #expect(try body(1) == "[Photo]")
    }

    @Test func `what is unread is read where a text shows it, and is no badge for that`() throws {
        let templates: [(MessageType, String)] = [(.text, #"{"en":{"body":"{{unread}} new"}}"#)]
        var wanting = try subject(.sample(), templates: templates)
        #expect(wanting.showsUnreadTotal)
        #expect(try !subject(.sample()).showsUnreadTotal)
        #expect(try !subject(.sample(type: .image), templates: templates).showsUnreadTotal)
        wanting.unreadTotal = 4
        #expect(push(wanting).body == "4 new")
        #expect(push(wanting).badge == nil)
    }

    // MARK: Hidden

    private static let loud = """
        {"title":"SECRET1","body":"SECRET2","subtitle":"SECRET3","image":"https://x/SECRET4","sound":"SECRETA","badge":2,
        "channel":"chat","category":"SECRETB","action":{"type":"url","value":"https://x/SECRET5"},"data":{"k":"SECRET6"},
        "vendor":{"fcm":{"x":"SECRET7"}},"collapseId":"SECRETC"}
        """

    private func texts(_ push: VendorPush) -> String { "\(push)" }

    @Test(arguments: [("en", "You have a new message"), ("zh-Hant-TW", "您有一条新消息"), ("fr", "You have a new message")])
    func `a tenant that hides previews shows nothing of a message`(language: String, words: String) throws {
        let content: RawJSON = try .json(#"{"text":"SECRET8"}"#)
        let templates: [(MessageType, String)] = [(.text, #"{"en":{"title":"SECRET9","body":"{{text}}"}}"#)]
        for isBackground in [false, true] {
            let message = try ArchivedMessage.sample(content: content, push: Self.loud, isBackground: isBackground)
            let names = SenderNames(user: "SECRET0")
            let subject = try subject(message, language: language, templates: templates, names: names) {
                $0.pushPreviews = .hidden
            }
            let made = push(subject)
            #expect(made.title == "Acme" && made.body == words && made.messageID == "m-1")
            #expect(made.sound == nil && made.badge == 2 && made.channel == "chat")
            #expect(made.replaceKey.count == 32 && made.replaceKey == push(subject).replaceKey)
            #expect(made.conversation == nil && !texts(made).contains("SECRET"))
            // The same push of a tenant that shows them does hold the words.
            var open = subject
            open = try self.subject(message, names: names)
            #expect(texts(push(open)).contains("SECRET"))
        }
    }

    @Test func `replacements are hidden as well`() throws {
        func replaced(_ message: ArchivedMessage) throws -> VendorPush {
            let subject = try subject(message, names: SenderNames(user: "SECRET0")) { $0.pushPreviews = .hidden }
            return PushContent.replacement(
                subject, token: PushToken(vendor: .fcm, token: "t"), expiresAt: 100_000, limits: Limits(), now: 10_000)
        }
        let edited = try replaced(.sample(content: .json(#"{"text":"SECRET"}"#), push: Self.loud))
        let first = try subject(.sample(push: Self.loud)) { $0.pushPreviews = .hidden }
        #expect(edited.replaceKey == push(first).replaceKey, "it takes the place of the first one")
        #expect(edited.body == "You have a new message" && !texts(edited).contains("SECRET"))
        let revoked = try replaced(.sample(push: Self.loud, state: .revoked))
        #expect(revoked.title == "Acme" && revoked.body == "Message withdrawn" && !texts(revoked).contains("SECRET"))
        let ended = try replaced(.sample(type: .call, content: .json(#"{"status":"cancel"}"#)))
        #expect(ended.body == "You have a new message", "not even that it was a call")
        #expect(ended.sound == "" && !ended.isHighPriority)
    }

    // MARK: The rest of a push

    @Test func `a picture that is not at an https URL is not shown`() throws {
        for (url, isShown) in [("https://x/i.png", true), ("HTTPS://x", true), ("http://x/i.png", false), ("i", false)]
        {
            let message = try ArchivedMessage.sample(push: #"{"image":"\#(url)"}"#)
            #expect(push(try subject(message)).image == (isShown ? url : nil))
        }
    }

    @Test func `a push says its conversation and system`() throws {
        let single = push(try subject(.sample()))
        #expect(single.conversation == "acct_a" && single.osType == .ios)
        #expect(push(try subject(.sample(form: .group))).conversation == "team")
    }
}

import PushCore
import PushTestSupport
import Testing

@Suite struct MessageTests {
    private static let ids = IDGenerator()

    private func parse(
        _ text: String, as principal: Principal = .sampleApp, limits: Limits = Limits()
    ) throws -> Message {
        try Message(parsing: .json(text), as: principal, limits: limits, ids: Self.ids, now: 1_700_000_000_000)
    }

    private func refusal(_ text: String, as principal: Principal = .sampleApp) -> GatewayError? {
        do {
            _ = try parse(text, as: principal)
            return nil
        } catch {
            return error as? GatewayError
        }
    }

    @Test(arguments: [
        ("0", #"{"text":"x"}"#), ("1", #"{"storageId":"s","thumbnailWidth":3}"#),
        ("2", #"{"storageId":"s","duration":1.5}"#),
        ("3", #"{"storageId":"s","fileSize":9}"#), ("4", #"{"storageId":"s","mimeType":"a/b"}"#),
        ("5", #"{"title":"t"}"#),
        ("6", #"{"type":"joined"}"#), ("7", #"{"status":"invite","useTime":3}"#), ("8", #"{"title":"t","url":"u"}"#),
        ("9", "{}"), ("-1", "{}"), ("10", "{}"), ("255", "{}"), ("\"TEXT\"", #"{"text":"x","more":1}"#),
    ])
    func `content of every type is accepted`(_ type: String, _ content: String) throws {
        let message = try parse(#"{"to":"acct_b","type":\#(type),"content":\#(content)}"#)
        #expect(message.content.text == content)
    }

    @Test(arguments: [
        ("0", "{}", "/content/text"), ("0", #"{"text":1}"#, "/content/text"), ("1", "{}", "/content/storageId"),
        ("2", #"{"storageId":"s","duration":"long"}"#, "/content/duration"),
        ("4", #"{"storageId":"s","fileSize":-1}"#, "/content/fileSize"), ("5", "{}", "/content/title"),
        ("6", "{}", "/content/type"), ("7", "{}", "/content/status"), ("7", #"{"status":"ring"}"#, "/content/status"),
        ("8", #"{"title":5}"#, "/content/title"), ("0", "[]", "/content"), ("256", "{}", "/type"),
        ("-2", "{}", "/type"),
        ("1.5", "{}", "/type"), ("\"NOPE\"", "{}", "/type"),
    ])
    func `a fault is named by its pointer`(_ type: String, _ content: String, _ pointer: String) throws {
        let error = try #require(refusal(#"{"to":"acct_b","type":\#(type),"content":\#(content)}"#))
        #expect(error.code == .invalidRequest)
        #expect(error.errors.contains { $0.pointer == pointer })
    }

    @Test(arguments: [
        (#"{"type":0,"content":{"text":"x"}}"#, "/to"), (#"{"to":"a b","type":0,"content":{"text":"x"}}"#, "/to"),
        (#"{"to":"acct_b","content":{"text":"x"}}"#, "/type"), (#"{"to":"acct_b","type":0}"#, "/content"),
        (#"{"id":"sync","to":"acct_b","type":9,"content":{}}"#, "/id"),
        (#"{"id":"a/b","to":"acct_b","type":9,"content":{}}"#, "/id"),
        (#"{"to":"acct_b","type":9,"content":{},"ttl":0}"#, "/ttl"),
        (#"{"to":"acct_b","type":9,"content":{},"sync":"yes"}"#, "/sync"),
        (#"{"to":"acct_b","to":"acct_c","type":9,"content":{}}"#, "/to"),
        (#"{"to":"acct_b","type":9,"content":{},"push":{"policy":"sometimes"}}"#, "/push/policy"),
        (
            #"{"to":"acct_b","type":9,"content":{},"push":{"body":"\#(String(repeating: "x", count: 65_536))"}}"#,
            "/push"
        ),
        (
            #"{"to":"acct_b","type":9,"content":{},"push":{"sound":"\#(String(repeating: "x", count: 1025))"}}"#,
            "/push/sound"
        ),
        (
            #"{"to":"acct_b","type":9,"content":{},"push":{"action":{"type":"url","value":"http://x"}}}"#,
            "/push/action/value"
        ),
        (
            #"{"to":"acct_b","type":9,"content":{},"push":{"action":{"type":"app","value":{}}}}"#,
            "/push/action/value"
        ),
        (#"{"to":"acct_b","audience":{"users":["a"]},"type":9,"content":{}}"#, "/to"),
        (#"{"audience":{},"type":9,"content":{}}"#, "/audience/"),
        (#"{"timestamp":-1,"to":"acct_b","type":9,"content":{}}"#, "/timestamp"),
    ])
    func `wrong members are named`(_ body: String, _ pointer: String) throws {
        let error = try #require(refusal(body))
        #expect(error.code == .invalidRequest)
        #expect(error.errors.map(\.pointer).contains(pointer))
    }

    @Test func `an app's message gets an id, a device's must have one`() throws {
        let made = try parse(#"{"to":"acct_b","type":9,"content":{}}"#)
        #expect(IDRules.isMessageID(made.id))
        #expect(refusal(#"{"to":"acct_b","type":9,"content":{}}"#, as: .sampleDevice)?.errors.first?.pointer == "/id")
    }

    @Test func `a device speaks for its own account only and to no audience`() throws {
        let own = try parse(#"{"id":"1","from":"acct_1","to":"acct_b","type":9,"content":{}}"#, as: .sampleDevice)
        #expect(own.from == "acct_1")
        #expect(
            refusal(#"{"id":"1","from":"acct_2","to":"b","type":9,"content":{}}"#, as: .sampleDevice)?.code
                == .forbidden)
        #expect(
            refusal(#"{"id":"1","audience":{"users":["a"]},"type":9,"content":{}}"#, as: .sampleDevice)?.code
                == .forbidden)
    }

    @Test func `another tenant's number is refused`() {
        #expect(
            refusal(#"{"to":"b","tenantNo":"other","type":9,"content":{}}"#)?.code == .tenantMismatch)
    }

    @Test func `content at the limit passes and beyond it is too large`() throws {
        var limits = Limits()
        limits.contentBytesMax = 20
        let text = String(repeating: "x", count: 20 - #"{"text":""}"#.count)
        #expect(
            try parse(#"{"to":"b","type":0,"content":{"text":"\#(text)"}}"#, limits: limits).content.bytes.count == 20)
        do {
            _ = try parse(#"{"to":"b","type":0,"content":{"text":"\#(text)x"}}"#, limits: limits)
            Issue.record("it was accepted")
        } catch let error as GatewayError {
            #expect(error.code == .tooLarge)
        }
    }

    @Test func `of a device's push options only the harmless ones count`() throws {
        let options = #"{"policy":"always","title":"You won","sound":"s","ttl":5,"collapseId":"c"}"#
        let message = try parse(
            #"{"id":"1","to":"b","type":9,"content":{},"push":\#(options)}"#, as: .sampleDevice)
        #expect(message.push.policy == .offline)
        #expect(message.push.raw.object?.members.map(\.key) == ["sound", "ttl", "collapseId"])
        let byApp = try parse(#"{"to":"b","type":9,"content":{},"push":\#(options)}"#)
        #expect(byApp.push.policy == .always)
        #expect(byApp.push.raw.text == options)
    }

    @Test func `the same content has the same digest whatever its order, time and options`() throws {
        let one = try parse(#"{"id":"1","to":"b","type":9,"content":{"a":1,"b":"\u00e9"},"timestamp":1,"ttl":5}"#)
        let other = try parse(#"{"content":{"b":"é","a":1},"type":"CUSTOM","to":"b","id":"1","timestamp":2}"#)
        let changed = try parse(#"{"id":"1","to":"b","type":9,"content":{"a":2,"b":"é"}}"#)
        func digest(_ message: Message) -> [UInt8] { message.digest(from: "acct_a", to: "acct_b", target: nil) }
        #expect(digest(one) == digest(other))
        #expect(digest(one) != digest(changed))
        #expect(digest(one) != one.digest(from: "acct_a", to: "acct_b", target: "acct_c"))
    }
}

@Suite struct DownlinkTests {
    @Test func `a single message has the contract's keys in their order`() throws {
        let message = try ArchivedMessage.sample(timeToLive: 60)
        let payload = DownlinkTemplate(message, now: 2000).payload(account: "acct_b", seq: 7)
        #expect(
            String(decoding: payload, as: UTF8.self)
                == #"{"id":"m-1","from":"acct_a","to":"acct_b","tenantNo":"acme","type":0,"content":{"text":"hi"},"timestamp":5,"isBackground":false,"seq":7,"serverTime":1000,"revision":0,"ttl":60}"#
        )
    }

    @Test func `a group copy swaps from, to and target`() throws {
        let template = DownlinkTemplate(try .sample(form: .group), now: 2000)
        let copy = try #require(try RawJSON(parsing: template.payload(account: "acct_m", seq: 1)).object)
        #expect(copy["from"]?.string == "team")
        #expect(copy["to"]?.string == "acct_m")
        #expect(copy["target"]?.string == "acct_a")
        #expect(
            copy.members.map(\.key) == [
                "id", "from", "to", "target", "tenantNo", "type", "content", "timestamp", "isBackground", "seq",
                "serverTime", "revision",
            ])
    }

    @Test func `past its life a message keeps its place and loses its content`() throws {
        let template = DownlinkTemplate(try .sample(timeToLive: 1, serverTime: 1000), now: 2000)
        let copy = try #require(try RawJSON(parsing: template.payload(account: "acct_b", seq: 1)).object)
        #expect(copy["content"] == nil)
        #expect(copy["expired"]?.bool == true)
    }

    @Test(arguments: [(ArchivedMessage.State.revoked, "revoked"), (.burned, "burned")])
    func `erased messages say why`(_ state: ArchivedMessage.State, _ key: String) throws {
        let template = DownlinkTemplate(try .sample(state: state), now: 2000)
        let copy = try #require(try RawJSON(parsing: template.payload(account: "acct_b", seq: 1)).object)
        #expect(copy[key]?.bool == true)
        #expect(copy.members.first { $0.key == "content" }?.value.isNull == true)
    }
}

@Suite struct IDRulesTests {
    @Test(arguments: ["a", "A-z_0.9:x", String(repeating: "a", count: 64)])
    func `ids of the alphabet pass`(_ id: String) { #expect(IDRules.isID(id)) }

    @Test(arguments: ["", "a b", "ä", "a/b", "a\u{0}", String(repeating: "a", count: 65), "a#", "+"])
    func `others do not`(_ id: String) { #expect(!IDRules.isID(id)) }

    @Test(arguments: ["acct_x", "dev_x", "app_x", "user:x"])
    func `a group may not look like something else`(_ id: String) { #expect(!IDRules.isGroupID(id)) }

    @Test(arguments: ["张伟", "a@b.c", "a b", String(repeating: "u", count: 128)])
    func `user ids are any text`(_ id: String) { #expect(IDRules.isUserID(id)) }

    @Test(arguments: ["", "a/b", "a,b", "a\n", "a\u{85}", String(repeating: "u", count: 129)])
    func `without separators and control characters`(_ id: String) { #expect(!IDRules.isUserID(id)) }

    @Test func `message ids are UUIDs of version 7 that sort by time`() {
        let ids = IDGenerator()
        let (early, late) = (ids.message(at: 1_700_000_000_000), ids.message(at: 1_700_000_000_001))
        #expect(early < late)
        #expect(early.wholeMatch(of: #/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/#) != nil)
    }
}

import PushCore
import Testing

@testable import PushVendors

@Suite struct APNsRequestTests {
    private func request(_ push: VendorPush) -> APNsRequest {
        APNsRequest(push, topic: "com.example.app", now: exampleNow)
    }

    private func text(_ push: VendorPush) -> String { String(decoding: request(push).body, as: UTF8.self) }

    @Test func `a visible push has alert, badge, sound, category and the message id beside the sender's data`() throws {
        let data = try json(#"{"k":1.50,"messageId":"forged","aps":{"badge":9},"image":"x","o":{"a":[1]}}"#)
        let made = push(.apns) {
            $0.subtitle = "Sub"
            $0.image = "https://example.com/i.png"
            $0.badge = 3
            $0.sound = "ping.caf"
            $0.category = "CHAT"
            $0.action = .init(kind: .page, value: "chat/1")
            $0.data = data
        }
        #expect(
            text(made)
                == #"{"aps":{"alert":{"title":"Title","subtitle":"Sub","body":"Body"},"badge":3,"sound":"ping.caf","#
                + #""category":"CHAT","mutable-content":1},"messageId":"m-1","image":"https://example.com/i.png","#
                + #""action":{"type":"page","value":"chat/1"},"k":1.50,"o":{"a":[1]}}"#)
    }

    @Test func `the headers of a visible push`() {
        let made = request(push(.apns))
        #expect(made.path == "/3/device/abcdef0123456789")
        #expect(made.headers["apns-topic"] == ["com.example.app"])
        #expect(made.headers["apns-push-type"] == ["alert"])
        #expect(made.headers["apns-priority"] == ["10"])
        #expect(made.headers["apns-expiration"] == ["1700003600"])
        #expect(made.headers["apns-collapse-id"] == ["m-1"])
        #expect(made.headers["authorization"].isEmpty)
        #expect(request(push(.apns) { $0.isHighPriority = false }).headers["apns-priority"] == ["5"])
    }

    @Test func `a silent push is background with priority 5 and shows nothing`() throws {
        let data = try json(#"{"k":"v"}"#)
        let made = push(.apns) {
            $0.isSilent = true
            $0.badge = 4
            $0.data = data
        }
        #expect(text(made) == #"{"aps":{"content-available":1},"messageId":"m-1","k":"v"}"#)
        #expect(request(made).headers["apns-push-type"] == ["background"])
        #expect(request(made).headers["apns-priority"] == ["5"])
    }

    @Test func `a voip token has its own topic, type and size`() {
        let made = push(.apns, kind: .voip) { $0.body = String(repeating: "x", count: 10_000) }
        let sent = request(made)
        #expect(sent.headers["apns-topic"] == ["com.example.app.voip"])
        #expect(sent.headers["apns-push-type"] == ["voip"])
        #expect(sent.headers["apns-priority"] == ["10"])
        #expect((5100...5120).contains(sent.body.count))
    }

    @Test(arguments: [(0, "0"), (20, "1700000020"), (86_400, "1700000060")])
    func `a call is stored for a minute at most`(ttl: Int, expected: String) {
        let made = request(push(.apns, kind: .voip) { $0.timeToLiveSeconds = ttl })
        #expect(made.headers["apns-expiration"] == [expected])
    }

    @Test func `notifications of one conversation are one thread`() {
        #expect(text(push(.apns) { $0.conversation = "team" }).contains(#""thread-id":"team""#))
        let silent = push(.apns) {
            $0.conversation = "team"
            $0.isSilent = true
        }
        #expect(!text(silent).contains("thread-id"))
    }

    @Test(
        arguments: [
            (nil, nil, true, nil), ("time-sensitive", nil, true, "time-sensitive"),
            ("passive", "ping", true, "passive"),
            ("chat", nil, true, nil), (nil, "", false, "passive"), (nil, "", true, nil), (nil, nil, false, nil),
            ("active", "", false, "active"),
        ] as [(String?, String?, Bool, String?)])
    func `the interruption level is the channel's, or passive for what neither rings nor hurries`(
        channel: String?, sound: String?, isHigh: Bool, expected: String?
    ) throws {
        let body = request(
            push(.apns) {
                $0.channel = channel
                $0.sound = sound
                $0.isHighPriority = isHigh
            }
        ).body
        let aps = try #require(try RawJSON(parsing: body).object?["aps"]?.object)
        #expect(aps["interruption-level"]?.string == expected)
        #expect(aps["sound"]?.string == (sound == "" ? nil : sound ?? "default"))
    }

    @Test(arguments: [(0, "0"), (1, "1700000001"), (86_400 * 365, "1702592000")])
    func `the expiration is now plus ttl, at most 30 days, and zero for one try`(ttl: Int, expected: String) {
        let made = request(push(.apns) { $0.timeToLiveSeconds = ttl })
        #expect(made.headers["apns-expiration"] == [expected])
    }

    @Test func `a replace key that is long or not plain is hashed`() {
        func key(_ text: String) -> String {
            request(push(.apns) { $0.collapseID = text }).headers.first(name: "apns-collapse-id") ?? ""
        }
        #expect(key(String(repeating: "k", count: 64)) == String(repeating: "k", count: 64))
        // Computed with sha256sum.
        #expect(
            key(String(repeating: "k", count: 65))
                == "f39cdc2584758c99cf81c1f41d2572f54e17066afffc9d187aeafe5f7cbe2122")
        #expect(key("a\r\nx: y") == "a727fc4e26ae15b5c5e2799a0d7b9a3daaf044ddd14f0652d129bb9076f6688b")
    }

    @Test func `the request id is a lower-case UUID that repeats share and other pushes do not`() throws {
        let first = try #require(request(push(.apns)).headers.first(name: "apns-id"))
        #expect(first.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil)
        #expect(request(push(.apns) { $0.timeToLiveSeconds = 7 }).headers.first(name: "apns-id") == first)
        for change: (inout VendorPush) -> Void in [
            { $0.messageID = "m-2" }, { $0.deviceID = "d-2" }, { $0.revision = 1 }, { $0.tenantNo = "other" },
        ] {
            #expect(request(push(.apns, change)).headers.first(name: "apns-id") != first)
        }
    }

    @Test func `a token cannot name another path`() {
        #expect(request(push(.apns, token: "../x?y#é")).path == "/3/device/%2E%2E%2Fx%3Fy%23%C3%A9")
    }

    @Test func `an override changes the body but not the message id`() throws {
        let patch = try json(#"{"aps":{"sound":null,"thread-id":"t"},"messageId":"forged","x":1}"#)
        let made = push(.apns) { $0.override = patch }
        #expect(
            text(made)
                == #"{"aps":{"alert":{"title":"Title","body":"Body"},"thread-id":"t"},"messageId":"m-1","x":1}"#)
        let removal = try json(#"{"messageId":null}"#)
        #expect(text(push(.apns) { $0.override = removal }).contains(#""messageId":"m-1""#))
        let noObject = try json(#""gone""#)
        #expect(text(push(.apns) { $0.override = noObject }).contains(#""messageId":"m-1""#))
    }
}

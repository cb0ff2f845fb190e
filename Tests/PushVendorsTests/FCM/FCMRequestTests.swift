import PushCore
import Testing

@testable import PushVendors

@Suite struct FCMRequestTests {
    private func text(_ push: VendorPush, isDryRun: Bool = false) -> String {
        String(decoding: FCMRequest(push, isDryRun: isDryRun, now: exampleNow).body, as: UTF8.self)
    }

    @Test func `a visible push`() throws {
        let data = try json(
            #"{"k":"v","n":1.50,"o":{"a":1},"messageId":"forged","from":"x","message_type":"x","google.a":"x","gcm":"x"}"#
        )
        let made = push(.fcm, token: "tok") {
            $0.image = "https://example.com/i.png"
            $0.sound = "ping"
            $0.badge = 3
            $0.channel = "chat"
            $0.collapseID = "c-1"
            $0.action = .init(kind: .intent, value: "OPEN_CHAT")
            $0.data = data
        }
        #expect(
            text(made)
                == #"{"message":{"token":"tok","notification":{"title":"Title","body":"Body","#
                + #""image":"https://example.com/i.png"},"android":{"priority":"HIGH","ttl":"3600s","#
                + #""collapse_key":"c-1","notification":{"tag":"c-1","channel_id":"chat","sound":"ping","#
                + #""click_action":"OPEN_CHAT","notification_count":3}},"data":{"messageId":"m-1","#
                + #""actionType":"intent","action":"OPEN_CHAT","k":"v","n":"1.50","o":"{\"a\":1}"}}}"#)
    }

    @Test func `without a collapse id there is a tag and no collapse key`() {
        #expect(
            text(push(.fcm, token: "tok") { $0.isHighPriority = false })
                == #"{"message":{"token":"tok","notification":{"title":"Title","body":"Body"},"android":{"#
                + #""priority":"NORMAL","ttl":"3600s","notification":{"tag":"m-1","sound":"default"}},"#
                + #""data":{"messageId":"m-1"}}}"#)
    }

    @Test func `a silent push is data only`() throws {
        let data = try json(#"{"k":"v"}"#)
        let made = push(.fcm, token: "tok") {
            $0.isSilent = true
            $0.isHighPriority = false
            $0.data = data
        }
        #expect(
            text(made)
                == #"{"message":{"token":"tok","android":{"priority":"NORMAL","ttl":"3600s"},"#
                + #""data":{"messageId":"m-1","k":"v"}}}"#)
    }

    @Test func `a silent push wakes at once only where its sender asks for it`() {
        let made = push(.fcm) { $0.isSilent = true }
        #expect(text(made).contains(#""priority":"HIGH""#))
        #expect(!text(made).contains(#""notification""#))
    }

    @Test func `an iPhone gets what Apple needs`() {
        let visible = push(.fcm, token: "tok") {
            $0.osType = .ios
            $0.badge = 0
            $0.image = "https://x/i.png"
            $0.conversation = "team"
            $0.category = "CHAT"
        }
        #expect(
            text(visible).contains(
                #""apns":{"headers":{"apns-push-type":"alert","apns-expiration":"1700003600","apns-priority":"10","apns-collapse-id":"m-1"},"#
                    + #""payload":{"aps":{"badge":0,"sound":"default","category":"CHAT","thread-id":"team","#
                    + #""mutable-content":1}},"fcm_options":{"image":"https://x/i.png"}}"#))
        let silent = push(.fcm, token: "tok") {
            $0.osType = .ios
            $0.isSilent = true
            $0.badge = 3
        }
        #expect(
            text(silent).contains(
                #""apns":{"headers":{"apns-push-type":"background","apns-expiration":"1700003600","#
                    + #""apns-priority":"5"},"#
                    + #""payload":{"aps":{"content-available":1}}}"#))
        #expect(!text(push(.fcm) { $0.osType = .android }).contains("apns"))
    }

    @Test(arguments: [(0, "0s"), (2_419_200, "2419200s"), (9_999_999, "2419200s")])
    func `the time to live is within 28 days`(ttl: Int, expected: String) {
        #expect(text(push(.fcm) { $0.timeToLiveSeconds = ttl }).contains(#""ttl":"\#(expected)""#))
    }

    @Test func `an override cannot change target, message id or dry run`() throws {
        let patch = try json(
            #"{"validate_only":true,"message":{"token":"evil","topic":"all","condition":"c","fid":"f","#
                + #""data":{"messageId":"forged","x":"1"},"android":{"priority":"NORMAL"}}}"#)
        let made = text(push(.fcm, token: "tok") { $0.override = patch })
        #expect(!made.contains("evil"))
        for name in ["topic", "condition", "fid", "validate_only", "forged"] { #expect(!made.contains(name)) }
        #expect(made.contains(#""messageId":"m-1","x":"1""#))
        #expect(made.contains(#""priority":"NORMAL""#))
        let removal = try json(#"{"message":null}"#)
        #expect(
            text(push(.fcm, token: "tok") { $0.override = removal })
                == #"{"message":{"token":"tok","data":{"messageId":"m-1"}}}"#)
    }

    @Test func `a dry run says so`() {
        #expect(text(push(.fcm), isDryRun: true).hasPrefix(#"{"validate_only":true,"message":{"token":"#))
    }
}

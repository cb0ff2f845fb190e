import PushTestSupport
import Testing

@testable import PushCore

/// What a person sees in the place of a notification whose message was changed.
@Suite struct ReplacementTests {
    private static let push = #"{"title":"Own title","body":"Own body","collapseId":"c","data":{"page":"7"}}"#

    private func subject(
        _ message: ArchivedMessage, language: String = "en", device: Device = .sample(), isAcknowledged: Bool = false,
        isBurned: Bool = false
    ) throws -> PushSubject {
        let spoken = Device(
            key: device.key, deviceID: device.deviceID, tenantKey: device.tenantKey, account: device.account,
            userID: device.userID, uniqueCode: device.uniqueCode, osType: device.osType, status: device.status,
            pushEnabled: device.pushEnabled, tokens: device.tokens, info: try .json(#"{"language":"\#(language)"}"#),
            registeredAt: 0, lastSeenAt: 0, endedAt: nil, startSeq: 0)
        return PushSubject(
            message: message, device: spoken, tenant: .sample, token: device.tokens.first,
            isAcknowledged: isAcknowledged, senderName: "Ann", isBurned: isBurned)
    }

    private func built(_ message: ArchivedMessage, language: String = "en") throws -> VendorPush {
        PushContent.replacement(
            try subject(message, language: language), token: PushToken(vendor: .fcm, token: "t"), expiresAt: 100_000,
            limits: Limits(), now: 10_000)
    }

    @Test(arguments: [("en", "Message withdrawn"), ("zh", "消息已撤回")])
    func `a revoked message leaves none of its sender's words`(language: String, words: String) throws {
        let push = try built(.sample(push: Self.push, state: .revoked), language: language)
        #expect(push.title == "Ann" && push.body == words)
        #expect(push.data == nil && push.override == nil && push.subtitle == nil && push.image == nil)
        #expect(push.replaceKey == "c" && push.messageID == "m-1" && push.revision == 1)
        #expect(push.sound == "" && !push.isHighPriority && !push.isSilent && push.timeToLiveSeconds == 90)
    }

    @Test func `an edited message shows what it says now, quietly`() throws {
        let push = try built(.sample(content: .json(#"{"text":"new"}"#), push: #"{"title":"Own title"}"#))
        #expect(push.title == "Own title" && push.body == "new")
        #expect(push.sound == "" && !push.isHighPriority && push.replaceKey == "m-1")
    }

    @Test func `a call that is over says so`() throws {
        for (status, words) in [("cancel", "Call ended"), ("invite", "[Call]")] {
            let call = try ArchivedMessage.sample(type: .call, content: .json(#"{"status":"\#(status)"}"#))
            #expect(try built(call).body == words)
        }
    }

    @Test func `what speaks against replacing`() throws {
        let live = try ArchivedMessage.sample(timeToLive: 100)
        func reason(_ subject: PushSubject, at now: Milliseconds = 2000) -> SkipReason? {
            FallbackRule.reasonAgainstReplacing(subject, now: now)
        }
        #expect(try reason(subject(live)) == nil)
        #expect(try reason(subject(live, isAcknowledged: true)) == .acknowledged)
        #expect(try reason(subject(live, device: .sample(status: .moved))) == .deregistered)
        #expect(try reason(subject(live, device: .sample(pushEnabled: false))) == .pushDisabled)
        #expect(try reason(subject(live, isBurned: true)) == .burned)
        #expect(try reason(subject(.sample(state: .burned))) == .burned)
        #expect(try reason(subject(live), at: 101_000) == .expired)
        // What is shown of a revoked message is taken back however old it is.
        #expect(try reason(subject(.sample(timeToLive: 1, state: .revoked)), at: 101_000) == nil)
    }
}

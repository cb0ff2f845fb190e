import PushCore
import Testing

@testable import PushStorage

@Suite struct CallAnswerTests {
    private func call(
        _ story: ChangeStory, _ id: String, _ content: String, from: DeviceIdentity, to: DeviceIdentity
    ) async throws {
        let body = #"{"id":"\#(id)","to":"\#(to.account.id)","type":7,"content":\#(content)}"#
        _ = try await story.storage.accept(story.store.message(body, as: from.principal), from: from.principal)
    }

    private func status(_ event: ArchivedMessage?) -> String? { event?.content?.object?["status"]?.string }

    @Test(arguments: [("answer", "other_answer"), ("refuse", "other_refuse")])
    func `who answers a call stops it on the account's other devices`(sent: String, told: String) async throws {
        let story = try await ChangeStory.begin()
        try await story.storage.setVendorSettings(
            .emptyObject, tenant: story.store.tenant.key, app: nil, vendor: .fcm, at: 1)
        let tokens = #"{"pushTokens":[{"vendor":"fcm","token":"tablet-1"}]}"#
        let tablet = try await story.store.register("bob", code: "tablet", tokens).identity
        try await call(story, "call", #"{"status":"invite","roomId":"r1"}"#, from: story.ann, to: story.bob)
        let invitation = try await story.message("call")
        try await call(
            story, "reply", #"{"status":"\#(sent)","roomId":"r1"}"#, from: story.bob, to: story.ann)
        let event = try #require(try await story.events(story.bob.account).first)
        #expect(event.content?.object?["op"]?.string == "call" && event.type.rawValue == 256)
        #expect(event.content?.object?["messageId"]?.string == "call" && status(event) == told)
        #expect(event.from == story.bob.account.id)
        #expect(try await story.events(story.ann.account).isEmpty)
        // The deadline of a device that has not acknowledged ends after the answer.
        let candidate = FallbackCandidate(
            device: tablet.key, account: tablet.account.key, message: invitation.key, seq: 1)
        #expect(try await !story.storage.decide([candidate], at: story.store.clock.now))
        let trace = try await story.storage.trace(of: invitation)
        #expect(trace.first { $0.deviceID == tablet.deviceID }?.reason == "superseded")
        // A repeat of the answer tells nothing again.
        try await call(
            story, "reply", #"{"status":"\#(sent)","roomId":"r1"}"#, from: story.bob, to: story.ann)
        #expect(try await story.events(story.bob.account).count == 1)
    }

    @Test func `a push that waits is cancelled, the invitation may be named by its id`() async throws {
        var limits = Limits()
        limits.callLookUpEntriesMax = 5
        let story = try await ChangeStory.begin(limits: limits)
        try await story.storage.setVendorSettings(
            .emptyObject, tenant: story.store.tenant.key, app: nil, vendor: .fcm, at: 1)
        let tokens = #"{"pushTokens":[{"vendor":"fcm","token":"tablet-1"}]}"#
        let tablet = try await story.store.register("bob", code: "tablet", tokens).identity
        try await call(story, "call", #"{"status":"invite"}"#, from: story.ann, to: story.bob)
        let candidate = FallbackCandidate(
            device: tablet.key, account: tablet.account.key, message: try await story.message("call").key, seq: 1)
        #expect(try await story.storage.decide([candidate], at: story.store.clock.now))
        try await call(
            story, "reply", #"{"status":"answer","messageId":"call"}"#, from: story.bob, to: story.ann)
        #expect(try await story.storage.lanesWithJobs().isEmpty)
        #expect(try await status(story.events(story.bob.account).first) == "other_answer")
    }

    @Test func `only the newest live invitation of that caller and room counts, and only for a while`() async throws {
        let story = try await ChangeStory.begin()
        let invite = #"{"status":"invite","roomId":"r1"}"#
        let answer = #"{"status":"answer","roomId":"r1"}"#
        try await call(story, "c1", invite, from: story.cat, to: story.bob)
        try await call(story, "a1", answer, from: story.bob, to: story.ann)
        #expect(try await story.events(story.bob.account).isEmpty)
        try await call(story, "c2", #"{"status":"invite","roomId":"r2"}"#, from: story.ann, to: story.bob)
        try await call(story, "a2", answer, from: story.bob, to: story.ann)
        try await call(story, "a3", #"{"status":"answer"}"#, from: story.bob, to: story.ann)
        try await call(story, "a4", #"{"status":"busy","roomId":"r2"}"#, from: story.bob, to: story.ann)
        #expect(try await story.events(story.bob.account).isEmpty)
        // The caller gave up: nothing rings any more.
        _ = try await story.edit("c2", #"{"content":{"status":"cancel","roomId":"r2"}}"#, by: story.ann.principal)
        try await call(story, "a5", #"{"status":"answer","roomId":"r2"}"#, from: story.bob, to: story.ann)
        #expect(try await story.events(story.bob.account).isEmpty)
        try await call(story, "c3", invite, from: story.ann, to: story.bob)
        try await call(story, "c4", invite, from: story.ann, to: story.bob)
        try await call(story, "a6", answer, from: story.bob, to: story.ann)
        let event = try await story.events(story.bob.account).first
        #expect(event?.content?.object?["messageId"]?.string == "c4")
        try await call(story, "c5", invite, from: story.ann, to: story.bob)
        story.store.clock.advance(120_001)
        try await call(story, "a7", answer, from: story.bob, to: story.ann)
        #expect(try await story.events(story.bob.account).count == 1)
    }
}

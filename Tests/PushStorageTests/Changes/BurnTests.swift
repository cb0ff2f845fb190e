import PushCore
import Testing

@testable import PushStorage

@Suite struct BurnTests {
    @Test func `a single message is erased for both sides by its receiver alone`() async throws {
        let story = try await ChangeStory.begin()
        try await story.store.send("m1", to: story.bob.account.id, as: story.ann.principal)
        #expect(await story.code { try await story.burn("m1", by: story.ann) } == .notRecipient)
        #expect(await story.code { try await story.burn("m1", by: story.cat) } == .notFound)
        let answer = try await story.burn("m1", by: story.bob)
        story.store.clock.advance(1000)
        #expect(try await story.burn("m1", by: story.bob) == answer)
        for device in [story.ann, story.bob] {
            #expect(try await story.inbox(device.account) == ["m1 burned", "258 m1"])
            let event = try #require(try await story.events(device.account).first)
            #expect(event.from == story.bob.account.id)
            #expect(event.content?.object?["by"]?.string == story.bob.account.id)
        }
        let again = try await story.store.send("m1", to: story.bob.account.id, as: story.ann.principal)
        #expect(again.isDuplicate)
        #expect(try await story.message("m1").content == nil)
    }

    @Test func `in a group each member burns its copy, and the last one the original`() async throws {
        let story = try await ChangeStory.begin()
        try await story.group(["ann", "bob", "cat"])
        try await story.store.send("m1", to: "team", as: story.ann.principal)
        let first = try await story.burn("m1", by: story.bob)
        #expect(try await story.burn("m1", by: story.bob) == first)
        #expect(try await story.message("m1").content != nil)
        #expect(try await story.inbox(story.bob.account) == ["m1 hello", "258 m1"])
        #expect(try await story.inbox(story.cat.account) == ["m1 hello"])
        #expect(try await story.inbox(story.ann.account) == ["m1 hello"])
        let current = try await story.storage.current(
            story.message("m1").key, for: [story.ann.account.key, story.bob.account.key, story.cat.account.key])
        #expect(current?.burned == [story.bob.account.key])
        let event = try #require(try await story.events(story.bob.account).first)
        let shown = try RawJSON(
            parsing: DownlinkTemplate(event, now: 0).payload(account: "acct_x", seq: 1)
        ).object
        #expect(shown?["from"]?.string == "team" && shown?["target"]?.string == story.bob.account.id)

        story.store.clock.advance(1000)
        _ = try await story.burn("m1", by: story.cat)
        #expect(try await story.message("m1").state == .burned)
        #expect(try await story.message("m1").content == nil)
        #expect(try await story.inbox(story.ann.account) == ["m1 burned", "258 m1"])
        #expect(try await story.inbox(story.cat.account) == ["m1 burned", "258 m1"])
        #expect(try await story.inbox(story.bob.account) == ["m1 burned", "258 m1"])
        #expect(try await story.burn("m1", by: story.bob) == first)
    }

    @Test func `an audience of several is burned one by one, also while it is expanded`() async throws {
        var limits = Limits()
        limits.expansionPageAccounts = 1
        let story = try await ChangeStory.begin(limits: limits)
        let audience = #","audience":{"users":["bob","cat"]},"from":"user:ann""#
        #expect(try await story.store.send("m1", audience).recipients == nil)
        _ = try await story.storage.expandNextPage()
        #expect(try await story.inbox(story.bob.account) == ["m1 hello"])
        _ = try await story.burn("m1", by: story.bob)
        #expect(try await story.message("m1").state == .live)
        try await story.settle()
        #expect(try await story.message("m1").state == .live)
        _ = try await story.burn("m1", by: story.cat)
        #expect(try await story.message("m1").state == .burned)
        #expect(try await story.inbox(story.ann.account) == ["m1 burned", "258 m1"])

        // Everyone has burned it before the expansion knows that there is nobody else.
        limits.expansionPageAccounts = 2
        let early = try await ChangeStory.begin(limits: limits)
        try await early.group(["ann", "bob", "cat"], id: "pair")
        try await early.group(["bob", "cat"], id: "same")
        let both = #","audience":{"groups":["pair","same"]},"from":"user:ann""#
        #expect(try await early.store.send("m1", both).recipients == nil)
        _ = try await early.storage.expandNextPage()
        _ = try await early.burn("m1", by: early.bob)
        try await early.settle()
        _ = try await early.burn("m1", by: early.cat)
        #expect(try await early.message("m1").state == .burned)
        #expect(try await early.inbox(early.ann.account) == ["m1 burned", "258 m1"])
    }

    @Test func `the end of an expansion finds that all have burned it`() async throws {
        var limits = Limits()
        limits.expansionPageAccounts = 2
        let story = try await ChangeStory.begin(limits: limits)
        // Two receivers fill a page, so that the expansion has to look for a third.
        let audience = #","audience":{"users":["bob","cat","ann"]},"from":"user:ann""#
        try await story.store.send("m1", audience)
        _ = try await story.storage.expandNextPage()
        var burned: [String] = []
        for device in [story.bob, story.cat] where try await story.inbox(device.account) == ["m1 hello"] {
            _ = try await story.burn("m1", by: device)
            burned.append(device.userID)
        }
        #expect(try await story.message("m1").state == .live)
        try await story.settle()
        #expect(try await story.message("m1").state == (burned.count == 2 ? .burned : .live))
        #expect(burned.count == 1 || burned.count == 2)
    }

    @Test func `a device that was not pushed yet is not pushed for what its account burned`() async throws {
        let story = try await ChangeStory.begin()
        try await story.storage.setVendorSettings(
            .emptyObject, tenant: story.store.tenant.key, app: nil, vendor: .fcm, at: 1)
        let tokens = #"{"pushTokens":[{"vendor":"fcm","token":"tablet-1"}]}"#
        let tablet = try await story.store.register("bob", code: "tablet", tokens).identity
        try await story.group(["ann", "bob", "cat"])
        var candidates: [FallbackCandidate] = []
        for id in ["m1", "m2"] {
            try await story.store.send(id, to: "team", as: story.ann.principal)
            let head = try await story.store.inbox(tablet.account).head
            candidates.append(
                FallbackCandidate(
                    device: tablet.key, account: tablet.account.key, message: try await story.message(id).key,
                    seq: head))
        }
        let now = story.store.clock.now
        #expect(try await story.storage.decide([candidates[0]], at: now))
        _ = try await story.burn("m1", by: story.bob)
        _ = try await story.burn("m2", by: story.bob)
        #expect(try await !story.storage.decide([candidates[1]], at: now))
        for id in ["m1", "m2"] {
            let trace = try await story.storage.trace(of: story.message(id))
            #expect(trace.first { $0.deviceID == tablet.deviceID }?.reason == "burned")
        }
        #expect(try await story.storage.lanesWithJobs().isEmpty)
    }

    @Test func `a member whose account was deleted keeps nobody's copy alive`() async throws {
        let story = try await ChangeStory.begin()
        try await story.group(["ann", "bob", "cat"])
        try await story.store.send("m1", to: "team", as: story.ann.principal)
        _ = try await story.storage.deleteAccount(
            story.cat.account.key, by: story.store.appIdentity, at: story.store.clock.now)
        _ = try await story.burn("m1", by: story.bob)
        #expect(try await story.message("m1").content == nil)
        #expect(try await story.inbox(story.ann.account).first == "m1 burned")
    }
}

import PushCore
import Testing

@testable import PushStorage

@Suite struct UpdateTests {
    @Test func `an edit is a new entry for everyone with a copy, and a repeat is none`() async throws {
        let story = try await ChangeStory.begin()
        try await story.store.send("m1", to: story.bob.account.id, as: story.ann.principal)
        let sent = try await story.message("m1")
        story.store.clock.advance(5000)
        let first = try await story.update("m1", "second", by: story.ann.principal)
        #expect(first.revision == 1 && first.serverTime == story.store.clock.now && first.isFollowed)
        #expect(try await story.inbox(story.ann.account) == ["m1 superseded", "m1+1 second"])
        #expect(try await story.inbox(story.bob.account) == ["m1 superseded", "m1+1 second"])
        let own = try #require(try await story.store.inbox(story.ann.account).items.last?.entry)
        #expect(own.flags == [.own] && own.peer == .none && own.message == sent.key)
        let edited = try await story.message("m1")
        #expect(edited.serverTime == sent.serverTime && edited.timestamp == sent.timestamp)

        story.store.clock.advance(5000)
        #expect(try await story.edit("m1", #"{"content":{ "text" : "second" }}"#, by: story.ann.principal) == first)
        #expect(try await story.store.inbox(story.bob.account).head == 2)
        // An app may edit too, and gives the sender's clock.
        let second = try await story.edit(
            "m1", #"{"content":{"text":"third"},"timestamp":77}"#, by: story.store.appPrincipal)
        #expect(second.revision == 2)
        #expect(try await story.message("m1").timestamp == 77)
        #expect(
            try await story.inbox(story.bob.account) == ["m1 superseded", "m1+1 superseded", "m1+2 third"])

        // What was sent first is still the same message.
        let again = try await story.store.send("m1", to: story.bob.account.id, as: story.ann.principal)
        #expect(again.isDuplicate && again.serverTime == sent.serverTime)
        #expect(try await story.message("m1").content?.object?["text"]?.string == "third")
    }

    @Test func `in a group every member and the sender get the revision`() async throws {
        let story = try await ChangeStory.begin()
        try await story.group(["ann", "bob", "cat"])
        try await story.store.send("m1", to: "team", #","countUnread":false"#, as: story.ann.principal)
        _ = try await story.update("m1", "new", by: story.ann.principal)
        for device in [story.ann, story.bob, story.cat] {
            #expect(try await story.inbox(device.account) == ["m1 superseded", "m1+1 new"])
        }
        #expect(try await story.store.inbox(story.bob.account).items.last?.entry.flags == [.uncounted])
    }

    @Test func `only the sender and apps may edit, and strangers learn nothing`() async throws {
        let story = try await ChangeStory.begin()
        try await story.store.send("m1", to: story.bob.account.id, as: story.ann.principal)
        #expect(await story.code { try await story.update("m1", "x", by: story.bob.principal) } == .notSender)
        #expect(await story.code { try await story.update("m1", "x", by: story.cat.principal) } == .notFound)
        #expect(await story.code { try await story.update("m2", "x", by: story.ann.principal) } == .notFound)
        let other = try await story.storage.createTenant(no: "other", name: "Other", at: 1)
        let foreign = Principal.app(
            AppIdentity(app: story.store.app, tenant: other, scopes: story.store.app.scopes))
        #expect(await story.code { try await story.update("m1", "x", by: foreign) } == .notFound)
        #expect(await story.code { try await story.revoke("m1", by: foreign) } == .notFound)
        let event = try await story.revoke("m1", by: story.ann.principal)
        #expect(event.isFollowed)
        let id = try #require(try await story.events(story.bob.account).first?.id)
        #expect(await story.code { try await story.update(id, "x", by: story.ann.principal) } == .notSender)
        #expect(await story.code { try await story.revoke(id, by: story.bob.principal) } == .notSender)
        #expect(await story.code { try await story.burn(id, by: story.bob) } == .notBurnable)
        #expect(await story.code { try await story.update(id, "x", by: story.store.appPrincipal) } == .notFound)
        #expect(await story.code { try await story.revoke(id, by: story.store.appPrincipal) } == .notFound)
        #expect(await story.code { try await story.update(id, "x", by: story.cat.principal) } == .notFound)
    }

    @Test func `content is checked as at sending, and nothing happens when it is wrong`() async throws {
        let story = try await ChangeStory.begin()
        try await story.store.send("m1", to: story.bob.account.id, as: story.ann.principal)
        let fault = await story.store.refusal {
            try await story.edit("m1", #"{"content":{}}"#, by: story.ann.principal)
        }
        #expect(fault?.code == .invalidRequest && fault?.errors.map(\.pointer) == ["/content/text"])
        for body in ["{}", #"{"content":"x"}"#, #"{"content":{"text":"x"},"timestamp":-1}"#, "[]"] {
            #expect(await story.code { try await story.edit("m1", body, by: story.ann.principal) } == .invalidRequest)
        }
        let long = String(repeating: "x", count: story.store.limits.contentBytesMax)
        #expect(await story.code { try await story.update("m1", long, by: story.ann.principal) } == .tooLarge)
        #expect(try await story.inbox(story.bob.account) == ["m1 hello"])
    }

    @Test func `what is gone cannot be edited`() async throws {
        let story = try await ChangeStory.begin()
        for id in ["m1", "m2", "m3"] {
            try await story.store.send(id, to: story.bob.account.id, #","ttl":5"#, as: story.ann.principal)
        }
        _ = try await story.revoke("m1", by: story.ann.principal)
        _ = try await story.burn("m2", by: story.bob)
        #expect(await story.code { try await story.update("m1", "x", by: story.ann.principal) } == .messageRevoked)
        #expect(await story.code { try await story.update("m2", "x", by: story.ann.principal) } == .messageBurned)
        // Past its ttl a message may be edited; it stays expired.
        story.store.clock.advance(10_000)
        #expect(try await story.update("m3", "x", by: story.ann.principal).revision == 1)
        #expect(try await story.inbox(story.bob.account).last == "m3+1 expired")
    }

    @Test func `texts of the notification that told of the old content go with it`() async throws {
        let story = try await ChangeStory.begin()
        let push = #","push":{"title":"Ann","body":"secret","collapseId":"c","vendor":{"fcm":{"a":1}}}"#
        try await story.store.send("m1", to: story.bob.account.id, push)
        _ = try await story.update("m1", "new", by: story.store.appPrincipal)
        #expect(try await story.message("m1").push.raw.object?.members.map(\.key) == ["title", "collapseId"])
        _ = try await story.revoke("m1", by: story.store.appPrincipal)
        #expect(try await story.message("m1").push.raw.object?.members.map(\.key) == ["collapseId"])
    }
}

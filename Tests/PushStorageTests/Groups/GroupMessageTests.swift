import PushCore
import Testing

@testable import PushStorage

/// Messages of a group by their places.
@Suite struct GroupMessageTests {
    private func group(_ store: TestStore, _ users: [String] = ["ann", "bob", "cat"]) async throws -> Group {
        try await store.storage.createGroup(id: "g", name: "G", users: users, tenant: store.tenant.key, at: 1)
    }

    private func message(
        _ store: TestStore, _ text: String, from: String? = "user:ann", target: String? = nil,
        _ numbers: SendOptions.Numbers
    ) throws -> Message {
        var options = SendOptions()
        options.numbers = numbers
        let body = RawJSON.object { writer in
            writer.member("from", ifPresent: from)
            writer.member("to", "g")
            writer.member("target", ifPresent: target)
            writer.member("type", 0)
            writer.object("content") { $0.member("text", text) }
        }
        return try Message(
            parsing: body, as: store.appPrincipal, limits: store.limits, ids: IDGenerator(), now: store.clock.now,
            options: options)
    }

    private func send(_ store: TestStore, _ message: Message) async throws -> Acceptance {
        try await store.storage.accept(message, from: store.appPrincipal)
    }

    @Test func `places go from the newest to the first, whatever became of the messages`() async throws {
        let store = try await TestStore()
        let group = try await group(store)
        for number in 1...4 {
            let sent = try await store.send("m\(number)", to: "g", #","from":"user:ann""#)
            #expect(sent.groupSeq == Int64(number))
        }
        // An event takes no place.
        _ = try await store.storage.addMembers(
            ["dan"], to: group.key, tenant: store.tenant.key, membersMax: 9, at: 2, announcedBy: store.appIdentity)
        try await store.send("m5", to: "g")
        _ = try await store.storage.revoke("m2", by: store.appPrincipal)
        let page = try await store.storage.messages(of: group.key, fromPlace: .max, limit: 3)
        #expect(page.map(\.message.id) == ["m5", "m4", "m3"] && page.map(\.message.groupSeq) == [5, 4, 3])
        #expect(page.map(\.sender) == [nil, "ann", "ann"])
        let rest = try await store.storage.messages(of: group.key, fromPlace: 2, limit: 20)
        #expect(rest.map(\.message.id) == ["m2", "m1"] && rest.first?.message.state == .revoked)
        let details = try await store.storage.details(ofGroups: ["g"], tenant: store.tenant.key).first ?? nil
        #expect(details?.newestPlace == 5 && details?.newestMessageAt == page[0].message.serverTime)
        #expect(try await store.storage.messageIDs(inPlace: 4, of: group.key) == ["m4"])
        #expect(try await store.storage.messageIDs(inPlace: 6, of: group.key) == [])
        let ofAnn = try await store.storage.messageIDs(
            ofSender: "ann", in: group.key, tenant: store.tenant.key, limit: 2)
        #expect(ofAnn == ["m4", "m3"])
        #expect(try await store.storage.place(ofMessage: "m3", tenant: store.tenant.key) == 3)
        #expect(try await store.storage.place(ofMessage: "ghost", tenant: store.tenant.key) == nil)
    }

    @Test func `a repeat is recognized as long as its door says`() async throws {
        let store = try await TestStore()
        _ = try await group(store)
        func numbers(_ window: Milliseconds) -> SendOptions.Numbers {
            .init(sequence: nil, random: 77, recognizedFor: window)
        }
        let first = try await send(store, message(store, "hi", numbers(300_000)))
        #expect(first.groupSeq == 1 && first.numbers?.sequence == 1)
        store.clock.advance(299_000)
        let again = try await send(store, message(store, "hi", numbers(300_000)))
        #expect(again.isDuplicate && again.id == first.id && again.groupSeq == 1)
        // Another window, another content, another sender: another message each.
        #expect(try await send(store, message(store, "hi", numbers(120_000))).groupSeq == 2)
        #expect(try await send(store, message(store, "ho", numbers(300_000))).groupSeq == 3)
        #expect(try await send(store, message(store, "hi", from: "user:bob", numbers(300_000))).groupSeq == 4)
        #expect(try await send(store, message(store, "hi", from: nil, numbers(300_000))).groupSeq == 5)
        store.clock.advance(301_000)
        #expect(try await send(store, message(store, "hi", numbers(300_000))).groupSeq == 6)
    }

    @Test func `messages that one call sent to single members are found by any of them`() async throws {
        let store = try await TestStore()
        let group = try await group(store)
        let call = SendOptions.Numbers(sequence: nil, random: 9, seconds: 1_700_000_000)
        let toBob = try await send(store, message(store, "psst", target: "user:bob", call))
        store.clock.advance(3000)
        let toCat = try await send(store, message(store, "psst", target: "user:cat", call))
        let toAll = try await send(store, message(store, "psst", call))
        let other = SendOptions.Numbers(sequence: nil, random: 9, seconds: 1_700_000_009)
        let later = try await send(store, message(store, "psst!", target: "user:cat", other))
        let both = Set([toBob.id, toCat.id])
        #expect(try await Set(store.storage.messageIDs(inPlace: 1, of: group.key)) == both)
        #expect(try await Set(store.storage.messageIDs(inPlace: 2, of: group.key)) == both)
        #expect(try await store.storage.messageIDs(inPlace: 3, of: group.key) == [toAll.id])
        #expect(try await store.storage.messageIDs(inPlace: 4, of: group.key) == [later.id])
    }

    @Test func `imported messages take the next places, and those are their numbers`() async throws {
        let store = try await TestStore()
        let group = try await group(store)
        func imported(_ id: String, at time: Int64) async throws {
            var options = SendOptions()
            options.numbers = .init(sequence: nil, random: 5, seconds: time / 1000)
            let message = try Message(
                parsing: RawJSON(
                    parsing: Array(
                        #"{"id":"\#(id)","from":"user:ann","to":"g","type":0,"content":{"text":"x"},"timestamp":\#(time)}"#
                            .utf8)), as: store.appPrincipal, limits: store.limits, ids: IDGenerator(),
                now: store.clock.now, options: options)
            let outcomes = try await store.storage.importHistory([message], from: store.appIdentity, dryRun: false)
            #expect(outcomes == [.imported])
        }
        try await imported("h1", at: 1_600_000_000_000)
        try await imported("h2", at: 1_600_000_001_000)
        try await store.send("live", to: "g")
        let page = try await store.storage.messages(of: group.key, fromPlace: .max, limit: 9)
        #expect(page.map(\.message.id) == ["live", "h2", "h1"])
        #expect(page[1].message.numbers == MessageNumbers(sequence: 2, random: 5, seconds: 1_600_000_001))
    }

    @Test func `a group that was made anew gets what its namesake had`() async throws {
        let store = try await TestStore()
        let old = try await group(store)
        let numbers = SendOptions.Numbers(sequence: nil, random: 77)
        let first = try await send(store, message(store, "hi", numbers))
        try await store.storage.deleteGroup(old.key, at: store.clock.now)
        let new = try await group(store)
        let second = try await send(store, message(store, "hi", numbers))
        #expect(!second.isDuplicate && second.id != first.id && second.groupSeq == 1)
        let page = try await store.storage.messages(of: new.key, fromPlace: .max, limit: 9)
        #expect(page.map(\.message.id) == [second.id])
    }

    @Test func `a sender who was deleted is shown by the account's id`() async throws {
        let store = try await TestStore()
        let group = try await group(store)
        let ann = try await store.account("ann")
        try await store.send("m1", to: "g", #","from":"user:ann""#)
        _ = try await store.storage.deleteAccount(ann.key, by: store.appIdentity, at: store.clock.now)
        let page = try await store.storage.messages(of: group.key, fromPlace: .max, limit: 9)
        #expect(page.last?.message.id == "m1" && page.last?.sender == ann.id)
    }

    @Test func `a group's last time is not that of what was imported behind it`() async throws {
        let store = try await TestStore()
        _ = try await group(store)
        func newest() async throws -> Milliseconds? {
            try await store.storage.details(ofGroups: ["g"], tenant: store.tenant.key).first??.newestMessageAt
        }
        func imported(_ id: String, at time: Int64) async throws {
            let message = try store.message(
                #"{"id":"\#(id)","from":"user:ann","to":"g","type":0,"content":{"text":"x"},"timestamp":\#(time)}"#)
            let outcomes = try await store.storage.importHistory([message], from: store.appIdentity, dryRun: false)
            #expect(outcomes == [.imported])
        }
        #expect(try await newest() == nil)
        try await imported("h1", at: 7000)
        try await imported("h2", at: 5000)
        #expect(try await newest() == 7000)
        let sent = try await store.send("m1", to: "g")
        #expect(try await newest() == sent.serverTime)
        try await imported("h3", at: 9000)
        #expect(try await newest() == sent.serverTime)
    }
}

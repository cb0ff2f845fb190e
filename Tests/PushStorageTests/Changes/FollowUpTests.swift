import GRDB
import PushCore
import Testing

@testable import PushStorage

@Suite struct FollowUpTests {
    private static let members = (0..<25).map { "u\($0)" }

    private func largeGroup() async throws -> ChangeStory {
        var limits = Limits()
        limits.expansionPageAccounts = 10
        let story = try await ChangeStory.begin(limits: limits)
        try await story.group(["ann"] + Self.members, id: "big")
        try await story.store.send("m1", to: "big", as: story.ann.principal)
        return story
    }

    private func accounts(_ story: ChangeStory) async throws -> [AccountRef] {
        var found = [story.ann.account]
        for user in Self.members { found.append(try await story.store.account(user)) }
        return found
    }

    @Test func `a large audience is told page by page, over a crash, each once`() async throws {
        let story = try await largeGroup()
        try await story.settle()
        let accounts = try await accounts(story)
        let revision = try await story.update("m1", "new", by: story.ann.principal)
        #expect(!revision.isFollowed)
        #expect(try await !story.revoke("m1", by: story.ann.principal).isFollowed)
        _ = try await story.storage.expandNextPage()
        let after = try await story.scalar("SELECT after_position FROM follow_up ORDER BY key LIMIT 1")
        #expect(after > 0)
        // The process is gone; another one goes on where it stopped.
        story.storage.close()
        let second = try TestStore.open(story.store.path, limits: story.store.limits, clock: story.store.clock)
        defer { second.close() }
        while try await second.expandNextPage() {}
        for account in accounts {
            #expect(
                try await story.inbox(account, in: second) == ["m1 revoked", "m1+1 revoked", "257 m1"])
        }
        let rows = try await second.file.read { db in
            try Int64.fetchAll(
                db,
                sql: """
                    SELECT count(*) FROM follow_up UNION ALL
                    SELECT count(*) FROM entry e JOIN message m ON m.key = e.message WHERE m.type <> 260
                    """)
        }
        #expect(rows == [0, 78])
        let event = try #require(
            try await second.inbox(of: story.ann.account.key, after: 0, limit: 10).items.last?.message)
        let last = try await second.ensureAccount(tenant: story.store.tenant.key, userID: "u24", at: 1).account
        #expect(try await second.hasEntry(of: event.key, account: last.key))
    }

    @Test func `what follows a message comes after its copies, which are short by then`() async throws {
        let story = try await largeGroup()
        _ = try await story.storage.expandNextPage()
        _ = try await story.update("m1", "new", by: story.ann.principal)
        let revoked = try await story.revoke("m1", by: story.ann.principal)
        #expect(!revoked.isFollowed)
        // Of another message, and so not held up by this one.
        try await story.store.send("m2", to: story.bob.account.id, as: story.ann.principal)
        #expect(try await story.revoke("m2", by: story.ann.principal).isFollowed)
        #expect(try await story.inbox(story.bob.account) == ["m2 revoked", "257 m2"])
        let before = story.storage.feed.head
        try await story.settle()
        guard case .batches(let batches) = story.storage.feed.batches(after: before, entriesLimit: 1000) else {
            return #expect(Bool(false))
        }
        #expect(batches.allSatisfy { $0.message.type.isEvent || $0.message.content == nil })
        for account in try await accounts(story).dropFirst() {
            #expect(try await story.inbox(account) == ["m1 revoked", "m1+1 revoked", "257 m1"])
        }
    }

    @Test func `a broadcast's change goes to its channel`() async throws {
        let story = try await ChangeStory.begin()
        try await story.store.send("m1", #","audience":{"users":["bob"]}"#)
        // As a send to everyone is archived.
        try await story.storage.commits.run { writer in
            try writer.db.execute(sql: "UPDATE message SET to_id = '*', first_position = NULL, last_position = NULL")
        }
        #expect(await story.code { try await story.burn("m1", by: story.cat) } == .notBurnable)
        #expect(await story.code { try await story.revoke("m1", by: story.cat.principal) } == .notSender)
        _ = try await story.update("m1", "new", by: story.store.appPrincipal)
        let before = try await story.scalar("SELECT count(*) FROM entry")
        _ = try await story.revoke("m1", by: story.store.appPrincipal)
        #expect(try await story.scalar("SELECT count(*) FROM entry") == before)
        let rows = try await story.storage.file.read { db in
            try Int64.fetchAll(
                db,
                sql: """
                    SELECT b.seq * 1000 + b.revision * 300 + m.type FROM broadcast b
                    JOIN message m ON m.key = b.message ORDER BY b.seq
                    """)
        }
        #expect(rows == [1300, 2257])
        let event = try await story.storage.file.read { db in
            try String.fetchAll(db, sql: "SELECT to_id FROM message WHERE type = 257")
        }
        #expect(event == ["*"])
    }
}

import GRDB
import PushCore
import Testing

@testable import PushStorage

@Suite struct RetentionTests {
    private struct Story {
        let store: TestStore
        let bob: AccountRef

        static func begin(_ settings: String, page: Int = 2) async throws -> Story {
            var limits = Limits()
            limits.retentionPageMessages = page
            let store = try await TestStore(limits: limits)
            try await store.storage.commits.run { [key = store.tenant.key] writer in
                try writer.db.execute(
                    sql: "UPDATE tenant SET settings = ? WHERE key = ?", arguments: [settings, key.rawValue])
            }
            let story = Story(store: store, bob: try await store.account("bob"))
            try story.reload()
            return story
        }

        func reload() throws {
            let storage = store.storage
            try storage.file.current.read { try storage.access.reload($0, secrets: storage.secrets) }
        }

        func send(_ ids: [String], text: String = "hello") async throws {
            for id in ids { try await store.send(id, to: bob.id, text: text) }
        }

        func run(_ storage: Storage? = nil) async throws -> Int {
            var pages = 1
            while try await (storage ?? store.storage).eraseOutlived() { pages += 1 }
            return pages
        }

        /// Ids of messages with content.
        func kept(_ storage: Storage? = nil) async throws -> [String] {
            try await (storage ?? store.storage).file.read {
                try String.fetchAll(
                    $0, sql: "SELECT id FROM message WHERE content IS NOT NULL AND type < 256 ORDER BY key")
            }
        }
    }

    @Test func `content past its age goes, page by page, and the stub stays`() async throws {
        let story = try await Story.begin(#"{"retentionSeconds":100}"#)
        try await story.send(["m1", "m2", "m3", "m4", "m5"])
        _ = try await story.store.storage.revoke("m2", by: story.store.appPrincipal)
        story.store.clock.advance(60_000)
        try await story.send(["m6"])
        #expect(try await story.run() == 1)
        #expect(try await story.kept().count == 5)
        story.store.clock.advance(40_001)
        #expect(try await story.store.storage.eraseOutlived())
        #expect(try await story.kept() == ["m3", "m4", "m5", "m6"])
        // Another process goes on from there.
        story.store.storage.close()
        let second = try TestStore.open(story.store.path, limits: story.store.limits, clock: story.store.clock)
        defer { second.close() }
        #expect(try await story.run(second) >= 2)
        #expect(try await story.kept(second) == ["m6"])
        let page = try await second.inbox(of: story.bob.key, after: 0, limit: 10)
        let reasons = page.items.map {
            $0.message.reasonForNoContent(revision: $0.entry.revision, isBurned: false, now: story.store.clock.now)
        }
        #expect(reasons == [.expired, .revoked, .expired, .expired, .expired, nil, nil])
        // The event about m2 is nobody's content.
        #expect(page.items[5].message.content != nil && page.items[5].message.type.isEvent)
        let again = try await second.accept(
            story.store.message(#"{"id":"m1","to":"\#(story.bob.id)","type":0,"content":{"text":"hello"}}"#),
            from: story.store.appPrincipal)
        #expect(again.isDuplicate)
        let edit = try MessageEdit(
            parsing: RawJSON(parsing: Array(#"{"content":{"text":"x"}}"#.utf8)), limits: story.store.limits)
        let refused = await story.store.refusal {
            try await second.update("m1", to: edit, by: story.store.appPrincipal)
        }
        #expect(refused?.code == .conflict)
    }

    @Test func `the oldest content goes until the rest fits`() async throws {
        // {"text":"hello"} has 16 bytes.
        let story = try await Story.begin(#"{"retentionBytes":64}"#, page: 3)
        let ids = (1...10).map { "m\($0)" }
        try await story.send(ids)
        _ = try await story.run()
        #expect(try await story.kept() == ["m7", "m8", "m9", "m10"])
        // What is erased or edited otherwise is counted as well.
        _ = try await story.store.storage.revoke("m9", by: story.store.appPrincipal)
        try await story.send(["m11"])
        _ = try await story.run()
        #expect(try await story.kept() == ["m7", "m8", "m10", "m11"])
        let edit = try MessageEdit(
            parsing: RawJSON(parsing: Array(#"{"content":{"text":"hello, that is longer"}}"#.utf8)),
            limits: story.store.limits)
        _ = try await story.store.storage.update("m11", to: edit, by: story.store.appPrincipal)
        _ = try await story.run()
        #expect(try await story.kept() == ["m8", "m10", "m11"])
        let counted = try await story.store.storage.file.read {
            try Int64.fetchOne($0, sql: "SELECT content_bytes FROM retention")
        }
        #expect(counted == Int64(64))
    }

    @Test func `one message larger than all that is kept goes too`() async throws {
        let story = try await Story.begin(#"{"retentionBytes":10}"#)
        try await story.send(["m1"])
        _ = try await story.run()
        #expect(try await story.kept().isEmpty)
    }

    @Test func `imported history is as old as it says`() async throws {
        let story = try await Story.begin(#"{"retentionSeconds":100}"#)
        try await story.send(["new", "old", "older"])
        try await story.store.storage.commits.run { writer in
            try writer.db.execute(
                sql: "UPDATE message SET is_imported = 1, server_time = server_time - 200000 WHERE id LIKE 'old%'")
        }
        _ = try await story.run()
        #expect(try await story.kept() == ["new"])
    }

    @Test func `another tenant's content and a tenant without retention are left alone`() async throws {
        let story = try await Story.begin(#"{"retentionSeconds":100}"#)
        let other = try await story.store.storage.createTenant(no: "other", name: "Other", at: 1)
        let app = try await story.store.storage.createApp(
            NewApp(
                appID: "app_two", tenantKey: other.key, name: "Two", scopes: Set(Scope.allCases), registration: .signed,
                sdkAppID: nil, secretHash: "hash", signingKey: "key"), at: 1)
        let principal = Principal.app(AppIdentity(app: app, tenant: other, scopes: app.scopes))
        let eve = try await story.store.storage.ensureAccount(tenant: other.key, userID: "eve", at: 1).account
        try await story.send(["m1"])
        try await story.store.send("theirs", to: eve.id, as: principal)
        try await story.send(["m2"])
        story.store.clock.advance(200_000)
        _ = try await story.run()
        #expect(try await story.kept() == ["theirs"])
    }
}

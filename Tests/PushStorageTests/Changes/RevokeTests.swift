import Foundation
import GRDB
import PushCore
import Testing

@testable import PushStorage

@Suite struct RevokeTests {
    @Test func `a revoked message is gone for both sides, and both are told`() async throws {
        let story = try await ChangeStory.begin()
        try await story.store.send("m1", to: story.bob.account.id, as: story.ann.principal)
        story.store.clock.advance(365 * 86_400_000)
        let answer = try await story.revoke("m1", by: story.ann.principal)
        #expect(answer.at == story.store.clock.now && answer.isFollowed)
        story.store.clock.advance(1000)
        #expect(try await story.revoke("m1", by: story.ann.principal) == answer)
        #expect(try await story.revoke("m1", by: story.store.appPrincipal) == answer)
        let message = try await story.message("m1")
        #expect(message.content == nil && message.state == .revoked && message.changedAt == answer.at)
        for device in [story.ann, story.bob] {
            #expect(try await story.inbox(device.account) == ["m1 revoked", "257 m1"])
            let event = try #require(try await story.events(device.account).first)
            #expect(event.from == story.ann.account.id)
            #expect(event.content?.object?["from"]?.string == story.ann.account.id)
            #expect(event.content?.object?["by"]?.string == story.ann.account.id)
            let payload = DownlinkTemplate(event, now: 0).payload(account: device.account.id, seq: 2)
            let shown = try RawJSON(parsing: payload).object
            #expect(shown?["to"]?.string == device.account.id && shown?["target"] == nil)
        }
        #expect(await story.code { try await story.burn("m1", by: story.bob) } == .messageRevoked)
        // A repeat is answered as the first, and brings nothing back.
        let again = try await story.store.send("m1", to: story.bob.account.id, as: story.ann.principal)
        #expect(again.isDuplicate)
        #expect(try await story.message("m1").content == nil)
        #expect(try await story.store.inbox(story.bob.account).head == 2)
    }

    @Test func `in a group the event is from the group, with who did it as target`() async throws {
        let story = try await ChangeStory.begin()
        try await story.group(["ann", "bob", "cat"])
        try await story.store.send("m1", to: "team", as: story.ann.principal)
        _ = try await story.storage.removeMembers(
            ["cat"], from: try #require(try await story.message("m1").groupKey), tenant: story.store.tenant.key, at: 2)
        _ = try await story.revoke("m1", by: story.store.appPrincipal)
        for device in [story.ann, story.bob, story.cat] {
            #expect(try await story.inbox(device.account).contains("257 m1"))
            let event = try #require(
                try await story.events(device.account).first { $0.type.rawValue == 257 })
            let shown = try RawJSON(
                parsing: DownlinkTemplate(event, now: 0).payload(account: device.account.id, seq: 2)
            ).object
            #expect(shown?["from"]?.string == "team" && shown?["target"]?.string == "app_one")
            #expect(shown?["content"]?.object?["from"]?.string == story.ann.account.id)
        }
    }

    @Test func `who may, and until when`() async throws {
        let story = try await ChangeStory.begin()
        try await story.store.send("m1", to: story.bob.account.id, as: story.ann.principal)
        try await story.store.send("m2", to: story.bob.account.id, as: story.ann.principal)
        #expect(await story.code { try await story.revoke("m1", by: story.bob.principal) } == .notSender)
        #expect(await story.code { try await story.revoke("m1", by: story.cat.principal) } == .notFound)
        #expect(await story.code { try await story.revoke("nothing", by: story.ann.principal) } == .notFound)
        let hasty = story.ann.with { $0.revokeWithinSeconds = 120 }
        story.store.clock.advance(120_000)
        let answer = try await story.revoke("m1", by: hasty.principal)
        story.store.clock.advance(1)
        #expect(await story.code { try await story.revoke("m2", by: hasty.principal) } == .forbidden)
        // A repeat is no new revocation; an app has no time limit.
        #expect(try await story.revoke("m1", by: hasty.principal) == answer)
        _ = try await story.revoke("m2", by: story.store.appPrincipal)
        try await story.store.send("m3", to: story.bob.account.id, as: story.ann.principal)
        _ = try await story.burn("m3", by: story.bob)
        #expect(await story.code { try await story.revoke("m3", by: story.ann.principal) } == .messageBurned)
    }

    @Test func `imported history is revoked for those who have it`() async throws {
        let story = try await ChangeStory.begin()
        try await story.store.send("m1", to: story.bob.account.id, #","sync":false"#, as: story.ann.principal)
        let message = try await story.message("m1")
        // As an import leaves it: no entries, a time for each side.
        try await story.storage.commits.run { writer in
            for account in [story.ann.account.key.rawValue, story.cat.account.key.rawValue] {
                try writer.db.execute(
                    sql: "INSERT INTO imported (account, server_time, message, peer, flags) VALUES (?, 1, ?, 0, 0)",
                    arguments: [account, message.key.rawValue])
            }
            try writer.db.execute(
                sql: "UPDATE message SET is_imported = 1, first_position = NULL, last_position = NULL")
        }
        #expect(await story.code { try await story.revoke("m1", by: story.cat.principal) } == .notSender)
        _ = try await story.revoke("m1", by: story.ann.principal)
        #expect(try await story.inbox(story.cat.account) == ["257 m1"])
        #expect(try await story.inbox(story.ann.account) == ["257 m1"])
    }

    @Test func `the content is nowhere in the file any more`() async throws {
        let story = try await ChangeStory.begin()
        let secret = "a-secret-that-is-nowhere-else"
        let long = String(repeating: secret, count: 300)
        for (id, text) in [("m1", secret), ("m2", long), ("m3", secret), ("m4", long)] {
            try await story.store.send(
                id, to: story.bob.account.id, text: text, #","push":{"body":"\#(secret)","title":"\#(secret)"}"#)
        }
        _ = try await story.revoke("m1", by: story.store.appPrincipal)
        _ = try await story.revoke("m2", by: story.store.appPrincipal)
        _ = try await story.burn("m3", by: story.bob)
        _ = try await story.edit(
            "m4", #"{"content":{"text":"harmless"}}"#, by: story.store.appPrincipal)
        _ = try await story.revoke("m4", by: story.store.appPrincipal)
        try await story.storage.file.current.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)")
        }
        for suffix in ["", "-wal"] {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: story.store.path + suffix))
            #expect(bytes.range(of: Data(secret.utf8)) == nil, "\(suffix)")
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: story.store.path)).range(of: Data("m2".utf8)) != nil)
    }

    @Test func `opposite things at once end as if they had come one after the other`() async throws {
        let story = try await ChangeStory.begin()
        for round in 0..<60 {
            let id = "m\(round)"
            try await story.store.send(id, to: story.bob.account.id, as: story.ann.principal)
            async let revoked = story.store.refusal { try await story.revoke(id, by: story.ann.principal) }
            async let burned = story.store.refusal { try await story.burn(id, by: story.bob) }
            async let updated = story.store.refusal { try await story.update(id, "new", by: story.ann.principal) }
            let codes = await (revoke: revoked?.code, burn: burned?.code, update: updated?.code)
            let message = try await story.message(id)
            #expect(message.content == nil)
            switch message.state {
            case .live: Issue.record("neither revoked nor burned")
            case .revoked:
                #expect(codes.revoke == nil && codes.burn == .messageRevoked)
                #expect(codes.update == (message.revision == 1 ? nil : .messageRevoked))
            case .burned:
                #expect(codes.burn == nil && codes.revoke == .messageBurned)
                #expect(codes.update == (message.revision == 1 ? nil : .messageBurned))
            }
            let event = message.state == .revoked ? "257 \(id)" : "258 \(id)"
            for device in [story.ann, story.bob] {
                #expect(try await story.inbox(device.account).count { $0.hasSuffix(" " + id) } == 1)
                #expect(try await story.inbox(device.account).last == event)
            }
        }
    }
}

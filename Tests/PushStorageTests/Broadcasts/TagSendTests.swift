import GRDB
import PushCore
import Testing

@testable import PushStorage

@Suite struct TagSendTests {
    private func receivers(_ crowd: Crowd, _ id: String) async throws -> [String] {
        try await crowd.storage.file.read { db in
            try String.fetchAll(
                db,
                sql: """
                    SELECT a.user_id FROM entry e JOIN message m ON m.key = e.message JOIN account a ON a.key = e.account
                    WHERE m.id = ? AND e.flags & 1 = 0 ORDER BY a.key
                    """, arguments: [id])
        }
    }

    private func send(_ crowd: Crowd, _ id: String, _ audience: String, _ more: String = "") async throws -> Acceptance
    {
        try await crowd.store.send(id, #","audience":\#(audience)\#(more)"#)
    }

    @Test(arguments: [
        (#"{"tags":{"any":["blue","green"]}}"#, [0, 1, 2, 3, 4, 5]),
        (#"{"tags":{"all":["blue","green"]}}"#, [2, 3]),
        (#"{"tags":{"any":["blue"],"not":["green"]}}"#, [0, 1]),
        (#"{"tags":{"not":["green"]}}"#, [0, 1, 6, 7, 8, 9]),
        (#"{"tags":{"any":["blue","green"],"all":["round"],"not":["blue"]}}"#, [4]),
        (#"{"tags":{"any":["blue","nobody"]}}"#, [0, 1, 2, 3]),
        (#"{"tags":{"all":["blue","nobody"]}}"#, []),
        (#"{"tags":{"any":["blue"],"not":["nobody"]}}"#, [0, 1, 2, 3]),
        (#"{"users":["u1","u2","u9"],"tags":{"any":["blue"]}}"#, [1, 2]),
        (#"{"users":["u1"],"groups":["team"],"tags":{"not":["green"]}}"#, [1, 7, 8]),
        (#"{"users":["stranger"],"tags":{"any":["blue"]}}"#, []),
        (#"{"all":true,"tags":{"any":["round"]}}"#, [0, 4, 8]),
    ])
    func `a rule chooses who gets a copy`(_ audience: String, _ expected: [Int]) async throws {
        var limits = Limits()
        limits.expansionPageAccounts = 2
        let crowd = try await Self.crowd(limits)
        let answer = try await send(crowd, "t", audience)
        #expect(answer.isJob && answer.recipients == nil)
        try await crowd.walk()
        #expect(try await receivers(crowd, "t") == expected.map { "u\($0)" })
        let again = try await send(crowd, "t", audience)
        #expect(
            again.isDuplicate && again.isJob && again.recipients == expected.count && again.unknown == answer.unknown)
        let job = try #require(try await crowd.job("t"))
        #expect(job.state == .done && job.audience == expected.count && job.published == expected.count)
        #expect(try await crowd.count("SELECT count(*) FROM expansion") == 0)
    }

    /// Ten users: 0-3 blue, 2-5 green, 0 4 8 round; 7 and 8 in a group.
    private static func crowd(_ limits: Limits = Limits()) async throws -> Crowd {
        let crowd = try await Crowd.make(10, in: try await TestStore(limits: limits))
        try await crowd.tag("blue", (0...3).map { "u\($0)" })
        try await crowd.tag("green", (2...5).map { "u\($0)" })
        try await crowd.tag("round", ["u0", "u4", "u8"])
        _ = try await crowd.storage.createGroup(
            id: "team", name: "", users: ["u7", "u8"], tenant: crowd.store.tenant.key, at: 1)
        return crowd
    }

    @Test func `it is for who had the tag when it was archived`() async throws {
        let crowd = try await Self.crowd()
        _ = try await send(crowd, "t", #"{"tags":{"any":["blue"]}}"#)
        _ = try await send(crowd, "rest", #"{"tags":{"not":["blue"]}}"#)
        try await crowd.tag("blue", ["u9"])
        try await crowd.untag("blue", "u1")
        try await crowd.store.account("late")
        try await crowd.storage.commits.run {
            try $0.db.execute(sql: "UPDATE account SET deleted_at = 5 WHERE user_id IN ('u2', 'u5')")
        }
        try await crowd.walk()
        #expect(try await receivers(crowd, "t") == ["u0", "u1", "u3"])
        #expect(try await receivers(crowd, "rest") == ["u4", "u6", "u7", "u8", "u9"])
        _ = try await send(crowd, "now", #"{"tags":{"any":["blue"]}}"#)
        try await crowd.walk()
        #expect(try await receivers(crowd, "now") == ["u0", "u3", "u9"])
    }

    @Test func `the sender has an own copy and is no receiver; a receiver's copy has the single form`() async throws {
        let crowd = try await Self.crowd()
        let answer = try await send(crowd, "t", #"{"tags":{"any":["blue"]}}"#, #","from":"user:u1""#)
        #expect(answer.ownSeq == 1)
        try await crowd.walk()
        #expect(try await receivers(crowd, "t") == ["u0", "u2", "u3"])
        let item = try #require(try await crowd.store.inbox(try await crowd.store.account("u2")).items.first)
        #expect(item.message.form == .audience && item.entry.seq == 1)
        let message = item.message.key
        let (reached, other) = (try await crowd.store.account("u3"), try await crowd.store.account("u9"))
        #expect(try await crowd.storage.hasEntry(of: message, account: reached.key))
        #expect(try await !crowd.storage.hasEntry(of: message, account: other.key))
        // What devices have stored is counted over all pages of copies.
        for user in ["u0", "u3"] {
            _ = try await crowd.storage.acknowledge(try await crowd.identity(user), seq: 1, broadcastSeq: nil)
        }
        #expect(try await crowd.job("t")?.acknowledged == 2)
    }

    @Test func `unknown names are listed, and only unknown ones are refused`() async throws {
        let crowd = try await Self.crowd()
        let audience = #"{"users":["stranger","u1"],"tags":{"any":["blue","x"],"not":["y","x"]}}"#
        #expect(try await send(crowd, "t", audience).unknown == ["stranger", "x", "y"])
        for audience in [
            #"{"tags":{"any":["x"]}}"#, #"{"tags":{"not":["x"]}}"#, #"{"users":["stranger"],"tags":{"all":["x"]}}"#,
        ] {
            #expect(await crowd.store.refusal { try await send(crowd, "n", audience) }?.code == .recipientNotFound)
        }
        // Another order of names is the same audience, another rule is not.
        let same = #"{"tags":{"not":["x","y"],"any":["x","blue"]},"users":["u1","stranger"]}"#
        #expect(try await send(crowd, "t", same).isDuplicate)
        let other = #"{"users":["stranger","u1"],"tags":{"all":["blue","x"],"not":["y","x"]}}"#
        #expect(await crowd.store.refusal { try await send(crowd, "t", other) }?.code == .messageIDConflict)
    }

    @Test func `a paused one holds up no other, and a cancelled one keeps what it delivered`() async throws {
        var limits = Limits()
        limits.expansionPageAccounts = 2
        let crowd = try await Self.crowd(limits)
        _ = try await send(crowd, "t", #"{"tags":{"any":["blue","green"]}}"#)
        try await crowd.step()
        try await crowd.change(.pause, "t")
        let users = (0..<6).map { #""u\#($0)""# }.joined(separator: ",")
        _ = try await send(crowd, "wide", #"{"users":[\#(users)]}"#)
        while try await crowd.storage.expandNextPage() {}
        #expect(try await receivers(crowd, "wide").count == 6)
        // The paused one is nothing to expand, and does not keep the expander awake.
        #expect(try await !crowd.storage.expandNextPage())
        _ = try await send(crowd, "t2", #"{"tags":{"any":["round"]}}"#)
        try await crowd.walk()
        #expect(try await receivers(crowd, "t2").count == 3)
        #expect(try await receivers(crowd, "t") == ["u0", "u1"])
        try await crowd.change(.resume, "t")
        try await crowd.step()
        try await crowd.change(.cancel, "t")
        try await crowd.walk()
        #expect(try await receivers(crowd, "t") == ["u0", "u1", "u2", "u3"])
        let job = try #require(try await crowd.job("t"))
        #expect(job.state == .cancelled && job.published == 4 && job.audience == 4)
        #expect(try await crowd.store.send("t", #","audience":{"tags":{"any":["blue","green"]}}"#).recipients == 4)
    }

    @Test func `a paused one that is revoked is over, and who has it is told at once`() async throws {
        var limits = Limits()
        limits.expansionPageAccounts = 2
        let crowd = try await Self.crowd(limits)
        _ = try await send(crowd, "t", #"{"tags":{"any":["blue","green"]}}"#)
        try await crowd.step()
        try await crowd.change(.pause, "t")
        _ = try await crowd.storage.revoke("t", by: crowd.store.appPrincipal)
        while try await crowd.storage.expandNextPage() {}
        try await crowd.walk()
        #expect(try await receivers(crowd, "t") == ["u0", "u1"])
        #expect(
            try await crowd.count("SELECT count(*) FROM entry e JOIN message m ON m.key = e.message WHERE m.type = 257")
                == 2)
        #expect(try await crowd.job("t")?.state == .cancelled)
    }
}

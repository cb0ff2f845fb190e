import GRDB
import PushCore
import Testing

@testable import PushStorage

@Suite struct UnreadTests {
    /// The numbers from nothing but the log, the messages and the journal of reads.
    private func recomputed(_ store: TestStore, _ account: AccountRef) async throws -> [Int64: [String]] {
        try await store.read { db in
            var found: [Int64: [String]] = [:]
            let entries = try Row.fetchAll(
                db,
                sql: """
                    SELECT e.seq, e.flags, e.peer, m.id, m.state, m.type, m.key FROM entry e
                    JOIN message m ON m.key = e.message WHERE e.account = ? ORDER BY e.seq
                    """, arguments: [account.key.rawValue])
            for entry in entries {
                let (seq, flags, peer): (Int64, Int64, Int64) = (entry[0], entry[1], entry[2])
                let read = try Int64.fetchOne(
                    db, sql: "SELECT max(seq) FROM read_cursor WHERE account = ? AND peer = ?",
                    arguments: [account.key.rawValue, peer])
                let burned = try Bool.fetchOne(
                    db, sql: "SELECT EXISTS (SELECT 1 FROM burned_copy WHERE message = ? AND account = ?)",
                    arguments: [entry[6] as Int64, account.key.rawValue])
                guard flags == 0, entry[4] == 0, (entry[5] as Int) < 256, burned == false, seq > (read ?? 0) else {
                    continue
                }
                found[peer, default: []].append(entry[3])
            }
            return found
        }
    }

    private func check(_ store: TestStore, _ account: AccountRef) async throws {
        let expected = try await recomputed(store, account)
        let told = try await store.storage.unread(of: account.key, idsPerPeer: 100_000, idsMax: 1_000_000)
        #expect(Dictionary(told.map { ($0.peer.peer.rawValue, $0.ids) }) { first, _ in first } == expected)
        #expect(told.allSatisfy { $0.count == $0.ids.count })
        let total = expected.values.reduce(0) { $0 + $1.count }
        #expect(try await store.storage.unreadTotal(of: account.key) == total)
        let listed = try await store.storage.conversations(
            of: account.key, tenant: store.tenant.key, after: nil, limit: 100)
        #expect(listed.reduce(0) { $0 + $1.unread } == total)
    }

    @Test func `the number is a function of log and cursors`() async throws {
        let store = try await TestStore(indexing: mixedIndexing(every: 300))
        let seed = UInt64.random(in: 0..<1_000_000)
        var numbers = SeededNumbers(seed)
        let users = ["ann", "bob", "cat"]
        var accounts: [AccountRef] = []
        var devices: [Principal] = []
        for user in users {
            devices.append(try await store.device(user))
            accounts.append(try await store.account(user))
        }
        _ = try await store.storage.createGroup(id: "team", name: "", users: users, tenant: store.tenant.key, at: 1)
        let peers = accounts.map(\.id) + ["team", "app_one"]
        let conversations = store.conversations()
        var sent: [String] = []
        for number in 0..<3000 {
            let who = Int.random(in: 0..<3, using: &numbers)
            let id = "m\(number)"
            switch Int.random(in: 0..<20, using: &numbers) {
            case 0..<8:
                let to = accounts[Int.random(in: 0..<3, using: &numbers)].id
                let more = Int.random(in: 0..<6, using: &numbers) == 0 ? #","countUnread":false"# : ""
                try await store.send(id, to: to, #","from":"user:\#(users[who])"\#(more)"#)
                sent.append(id)
            case 8..<11:
                try await store.send(id, to: "team", #","from":"user:\#(users[who])""#)
                sent.append(id)
            case 11:
                try await store.send(id, to: accounts[who].id)
                sent.append(id)
            case 12..<15:
                let seq = Bool.random(using: &numbers) ? "" : #""seq":\#(Int.random(in: 0...600, using: &numbers))"#
                let peer = peers[Int.random(in: 0..<5, using: &numbers)]
                _ = try await conversations.read(
                    RawJSON(parsing: Array("{\(seq)}".utf8)), peer: peer, as: devices[who])
            case 15..<17:
                if let id = sent.randomElement(using: &numbers) { try await store.revoke(id) }
            case 17: if let id = sent.randomElement(using: &numbers) { try await store.burnCopy(id, by: accounts[who]) }
            case 18: if let id = sent.randomElement(using: &numbers) { try await store.edit(id, text: "e") }
            default: store.clock.advance(3)
            }
            if number.isMultiple(of: 250) {
                for account in accounts { try await check(store, account) }
            }
        }
        for account in accounts { try await check(store, account) }
        #expect(sent.count > 1000, "seed \(seed)")
    }

    @Test func `ids are the oldest, and the answer is bounded`() async throws {
        var limits = Limits()
        limits.unreadIDsPerPeerMax = 3
        limits.unreadIDsMax = 4
        let store = try await TestStore(limits: limits, indexing: mixedIndexing(every: 3))
        let ann = try await store.device("ann")
        let (me, bob) = (try await store.account("ann"), try await store.account("bob"))
        for number in 0..<5 { try await store.send("b\(number)", to: me.id, #","from":"user:bob""#) }
        for number in 0..<5 { try await store.send("a\(number)", to: me.id) }
        let conversations = store.conversations()
        func answer(ids: Bool, bytesMax: Int? = nil) async throws -> String {
            try await conversations.unread(
                UnreadRequest(query: { $0 == "ids" ? String(ids) : nil }), as: ann, bytesMax: bytesMax
            ).text
        }
        #expect(
            try await answer(ids: false) == """
                {"total":10,"peers":[{"peer":"app_one","unread":5},{"peer":"\(bob.id)","unread":5}]}
                """)
        #expect(
            try await answer(ids: true) == """
                {"total":10,"peers":[{"peer":"app_one","unread":5,"ids":["a0","a1","a2"]},\
                {"peer":"\(bob.id)","unread":5,"ids":["b0"]}],"more":true}
                """)
        #expect(try await answer(ids: false, bytesMax: 10_000).hasSuffix(#"],"more":false}"#))
        #expect(
            try await answer(ids: false, bytesMax: 150) == """
                {"total":10,"peers":[{"peer":"app_one","unread":5}],"more":true}
                """)
        for bytesMax in stride(from: 64, to: 400, by: 7) {
            #expect(try await answer(ids: true, bytesMax: bytesMax).utf8.count <= bytesMax)
        }
        let odd = await store.refusal { try UnreadRequest(query: { $0 == "ids" ? "yes" : nil }) }
        #expect(odd?.code == .invalidRequest)
    }

    @Test func `a push can show the total`() async throws {
        let store = try await TestStore()
        try await store.storage.setVendorSettings(
            .emptyObject, tenant: store.tenant.key, app: nil, vendor: .fcm, at: store.clock.now)
        let phone = try await store.register("ann", code: "c", #"{"pushTokens":[{"vendor":"fcm","token":"token111"}]}"#)
            .identity
        for number in 0..<3 { try await store.send("m\(number)", to: phone.account.id) }
        var subjects: [Int?] = []
        for (id, badge) in [("auto", #""auto""#), ("fixed", "7")] {
            try await store.send(id, to: phone.account.id, #","push":{"badge":\#(badge)}"#)
            let item = try #require(try await store.inbox(phone.account).items.last)
            let candidate = FallbackCandidate(
                device: phone.key, account: phone.account.key, message: item.message.key, seq: item.entry.seq)
            #expect(try await store.storage.decide([candidate], at: store.clock.now))
            let lane = try #require(try await store.storage.lanesWithJobs().keys.first)
            let job = try #require(
                try await store.storage.claimJobs(
                    lane: lane, limit: 1, now: store.clock.now, leaseUntil: store.clock.now + 60_000
                ).first)
            subjects.append(try await store.storage.subject(of: job)?.unreadTotal)
        }
        #expect(subjects == [4, nil])
    }
}

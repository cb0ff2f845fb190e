import PushCore
import Testing

@testable import PushStorage

/// A service reads what two sides wrote, and names messages in it.
@Suite struct PairHistoryTests {
    private struct Pair {
        let store: TestStore
        let ann: NamedPeer
        let bob: NamedPeer

        static func make(indexing: Indexer.Tuning = mixedIndexing(every: 5)) async throws -> Pair {
            let store = try await TestStore(indexing: indexing)
            return Pair(
                store: store, ann: NamedPeer(try await store.account("ann")),
                bob: NamedPeer(try await store.account("bob")))
        }

        var app: NamedPeer { NamedPeer(store.app) }

        /// Ids, oldest first, as one side has them: a page at a time from the newest down, going on by an alias.
        func ids(of reader: NamedPeer, with other: NamedPeer, pages limit: Int) async throws -> [String] {
            let conversations = store.conversations()
            var (found, last): ([String], String?) = ([], nil)
            while true {
                let page = try await conversations.history(
                    of: reader, with: other, PairHistoryRequest(olderThan: last, limit: limit),
                    as: store.appPrincipal)
                #expect(page.items.count <= limit)
                found += page.items.map(\.message.id)
                guard page.hasMore else { return found.reversed() }
                #expect(page.items.count == limit)
                last = page.items.last.map { MessageAliases(of: $0.message).msgKey }
            }
        }

        func send(_ id: String, _ sender: String, to receiver: NamedPeer, numbers: SendOptions.Numbers? = nil)
            async throws -> Acceptance
        {
            var options = SendOptions()
            options.numbers = numbers
            let body =
                #"{"id":"\#(id)","from":"user:\#(sender)","to":"\#(receiver.id)","type":0,"content":{"text":"\#(id)"}}"#
            let message = try Message(
                parsing: RawJSON(parsing: Array(body.utf8)), as: store.appPrincipal, limits: store.limits,
                ids: IDGenerator(), now: store.clock.now, options: options)
            return try await store.storage.accept(message, from: store.appPrincipal)
        }
    }

    @Test func `every page size lists everything once, also where times are equal`() async throws {
        let pair = try await Pair.make()
        let store = pair.store
        let time = store.clock.now
        var expected: [String] = []
        var number = 0
        // Three at each time, one with numbers of its own; what was imported stands before them.
        for step in 0..<8 as Range<Int64> {
            for _ in 0..<2 where step.isMultiple(of: 2) {
                let account = try #require(pair.bob.account)
                try await store.importMessage(
                    "i\(number)", from: account, to: #require(pair.ann.account), at: time + step)
                expected.append("i\(number)")
                number += 1
            }
            for part in 0..<3 {
                let (sender, receiver) = part == 1 ? ("ann", pair.bob) : ("bob", pair.ann)
                let numbers = part == 2 ? SendOptions.Numbers(sequence: 1, random: UInt32(number)) : nil
                _ = try await pair.send("m\(number)", sender, to: receiver, numbers: numbers)
                try await store.send("other\(number)", to: pair.ann.id)
                expected.append("m\(number)")
                number += 1
            }
            store.clock.advance(1)
        }
        for limit in 1...(expected.count + 1) {
            #expect(try await pair.ids(of: pair.ann, with: pair.bob, pages: limit) == expected, "\(limit)")
        }
        // The test's imports are in the receiver's history only.
        let sent = expected.filter { $0.hasPrefix("m") }
        for limit in [1, 2, 5, 100] {
            #expect(try await pair.ids(of: pair.bob, with: pair.ann, pages: limit) == sent)
        }
        // The app has no inbox: its side is read in the other's.
        let fromApp = try await pair.ids(of: pair.app, with: pair.ann, pages: 3)
        #expect(fromApp == sent.map { "other" + $0.dropFirst() })
        #expect(try await pair.ids(of: pair.ann, with: pair.app, pages: 4) == fromApp)
        #expect(try await pair.ids(of: pair.bob, with: pair.app, pages: 4) == [])
    }

    @Test func `what came after a page was read does not move the next one`() async throws {
        let pair = try await Pair.make()
        for number in 0..<6 { _ = try await pair.send("m\(number)", "bob", to: pair.ann) }
        let conversations = pair.store.conversations()
        func page(_ last: String?) async throws -> PairHistory {
            try await conversations.history(
                of: pair.ann, with: pair.bob, PairHistoryRequest(olderThan: last, limit: 2), as: pair.store.appPrincipal
            )
        }
        let first = try await page(nil)
        #expect(first.items.map(\.message.id) == ["m5", "m4"])
        for number in 6..<9 { _ = try await pair.send("m\(number)", "bob", to: pair.ann) }
        try await pair.store.revoke("m4")
        let name = try #require(first.items.last.map { MessageAliases(of: $0.message).msgID })
        let second = try await page(name)
        #expect(second.items.map(\.message.id) == ["m3", "m2"] && second.hasMore)
        let last = try await page("m2")
        #expect(last.items.map(\.message.id) == ["m1", "m0"] && !last.hasMore)
        #expect(try await page("m0").items.isEmpty)
        for unknown in ["none", "1_2_3"] {
            #expect(await pair.store.refusal { try await page(unknown) }?.code == .notFound)
        }
        // A message of another conversation is no place in this one.
        _ = try await pair.send("elsewhere", "bob", to: NamedPeer(try await pair.store.account("cat")))
        #expect(await pair.store.refusal { try await page("elsewhere") }?.code == .notFound)
    }

    @Test func `reading up to a time counts what was archived before it`() async throws {
        let pair = try await Pair.make()
        let store = pair.store
        let start = store.clock.now
        for number in 0..<6 {
            _ = try await pair.send("m\(number)", "bob", to: pair.ann)
            try await store.send("a\(number)", to: pair.ann.id)
            store.clock.advance(10)
        }
        let conversations = store.conversations()
        let ann = try #require(pair.ann.account)
        func unread(before time: Milliseconds?) async throws -> Int {
            try await conversations.read(pair.bob, before: time, of: ann, as: store.appPrincipal)
            return try await conversations.unreadCounts(of: ann, as: store.appPrincipal)[pair.bob.peer] ?? 0
        }
        #expect(try await unread(before: start) == 6)
        #expect(try await unread(before: start + 1) == 5)
        #expect(try await unread(before: start + 21) == 3)
        // Never back.
        #expect(try await unread(before: start + 1) == 3)
        let page = try await conversations.history(
            of: pair.bob, with: pair.ann, PairHistoryRequest(limit: 10), as: store.appPrincipal)
        #expect(page.items.reversed().map(\.isRead) == [true, true, true, false, false, false])
        #expect(page.items.allSatisfy { $0.isFromReader })
        #expect(try await unread(before: nil) == 0)
        #expect(try await conversations.unreadCounts(of: ann, as: store.appPrincipal)[pair.app.peer] == 6)
    }

    @Test func `numbers that are used twice within a second make names of their own`() async throws {
        let pair = try await Pair.make()
        let numbers = SendOptions.Numbers(sequence: 3, random: 4)
        var names: [String] = []
        for number in 0..<4 {
            let acceptance = try await pair.send("m\(number)", "ann", to: pair.bob, numbers: numbers)
            names.append(try #require(acceptance.aliases?.msgKey))
        }
        #expect(Set(names).count == 4)
        for (number, name) in names.enumerated() {
            let found = try await pair.store.storage.message(naming: name, for: pair.store.appPrincipal)
            #expect(found?.id == "m\(number)")
        }
        #expect(try await pair.ids(of: pair.bob, with: pair.ann, pages: 1) == (0..<4).map { "m\($0)" })
    }

    @Test func `of the messages with one name a sender and a receiver name one`() async throws {
        let pair = try await Pair.make()
        let store = pair.store
        let cat = NamedPeer(try await store.account("cat"))
        let numbers = SendOptions.Numbers(sequence: 3, random: 4, seconds: 1_700_000_000)
        _ = try await pair.send("one", "ann", to: pair.bob, numbers: numbers)
        _ = try await pair.send("two", "ann", to: cat, numbers: numbers)
        _ = try await pair.send("back", "bob", to: pair.ann, numbers: numbers)
        let conversations = store.conversations()
        func named(_ sender: NamedPeer, _ receiver: NamedPeer) async throws -> String? {
            do {
                return try await conversations.message(
                    named: "3_4_1700000000", from: sender, to: receiver, as: store.appPrincipal
                ).id
            } catch let error as GatewayError where error.code == .notFound {
                return nil
            }
        }
        #expect(try await named(pair.ann, pair.bob) == "one")
        #expect(try await named(pair.ann, cat) == "two")
        #expect(try await named(pair.bob, pair.ann) == "back")
        #expect(try await named(cat, pair.ann) == nil)
        #expect(try await named(pair.app, pair.bob) == nil)
    }

    @Test func `a message to an audience is a place, and is not taken back for one of it`() async throws {
        let pair = try await Pair.make()
        let store = pair.store
        _ = try await pair.send("m0", "ann", to: pair.bob)
        var options = SendOptions()
        options.numbers = .init(sequence: nil, random: 6)
        let body =
            #"{"id":"many","from":"user:ann","audience":{"users":["bob","cat"]},"type":0,"content":{"text":"x"}}"#
        _ = try await store.account("cat")
        let message = try Message(
            parsing: RawJSON(parsing: Array(body.utf8)), as: store.appPrincipal, limits: store.limits,
            ids: IDGenerator(), now: store.clock.now, options: options)
        let sent = try await store.storage.accept(message, from: store.appPrincipal)
        _ = try await pair.send("m1", "ann", to: pair.bob)
        let name = try #require(sent.aliases?.msgKey)
        for limit in 1...4 {
            #expect(try await pair.ids(of: pair.bob, with: pair.ann, pages: limit) == ["m0", "many", "m1"])
        }
        let refusal = await store.refusal {
            try await store.conversations().message(
                named: name, from: pair.ann, to: pair.bob, as: store.appPrincipal)
        }
        #expect(refusal?.code == .notFound)
    }

    @Test func `of a sender's messages with one name the one that is left is meant`() async throws {
        let pair = try await Pair.make()
        let store = pair.store
        let numbers = SendOptions.Numbers(sequence: 3, random: 4, seconds: 1_700_000_000)
        _ = try await pair.send("one", "ann", to: pair.bob, numbers: numbers)
        _ = try await pair.send("two", "ann", to: pair.bob, numbers: numbers)
        func named() async throws -> String {
            try await store.conversations().message(
                named: "3_4_1700000000", from: pair.ann, to: pair.bob, as: store.appPrincipal
            ).id
        }
        #expect(try await named() == "one")
        try await store.revoke("one")
        #expect(try await named() == "two")
        try await store.revoke("two")
        #expect(try await named() == "one")
    }

    @Test func `what was sent is found by its numbers from either side, and by nothing else`() async throws {
        let pair = try await Pair.make()
        let store = pair.store
        let numbers = SendOptions.Numbers(sequence: 3, random: 4)
        let name = try #require(try await pair.send("one", "ann", to: pair.bob, numbers: numbers).aliases?.msgKey)
        func isThere(_ name: String, _ one: NamedPeer, _ other: NamedPeer) async throws -> Bool {
            try await store.conversations().hasMessage(alias: name, between: one, and: other, as: store.appPrincipal)
        }
        #expect(try await isThere(name, pair.ann, pair.bob))
        #expect(try await isThere(name, pair.bob, pair.ann))
        let cat = NamedPeer(try await store.account("cat"))
        #expect(try await !isThere(name, pair.ann, cat))
        // An id is no number.
        _ = try await pair.send("5_6_7", "ann", to: pair.bob)
        #expect(try await !isThere("5_6_7", pair.ann, pair.bob))
    }
}

import Foundation
import GRDB
import PushCore
import Testing

@testable import PushStorage

@Suite struct WebhookDeliveryTests {
    private static let day: Milliseconds = 86_400_000

    @Test func `settings are kept encrypted and survive a restart`() async throws {
        let story = try await WebhookStory.begin(settings: nil)
        var settings = WebhookStory.settings
        settings.events = [.messageSent, .pushReceipt]
        settings.beforeSend = true
        settings.format = .tencent
        settings.token = "callback-token"
        settings.onFailure = .deny
        settings.eventsPerRequest = 100
        try await story.put(settings)
        #expect(story.storage.webhook(of: story.tenant) == settings)
        let stored = try await story.store.read {
            [UInt8](try Data.fetchOne($0, sql: "SELECT settings FROM webhook") ?? Data())
        }
        #expect(!String(decoding: stored, as: UTF8.self).contains("example.com"))
        story.storage.close()
        let storage = try TestStore.open(story.store.path, clock: story.store.clock)
        defer { storage.close() }
        #expect(storage.webhooks() == [story.tenant: settings])
        let message = try story.store.message(#"{"id":"m1","to":"user:bob","type":0,"content":{"text":"x"}}"#)
        _ = try await storage.accept(message, from: story.store.appPrincipal)
        #expect(try await story.events(in: storage).map { $0.message?.id } == ["m1"])
    }

    @Test func `a new webhook is told what happens from then on`() async throws {
        let story = try await WebhookStory.begin()
        try await story.store.send("m1", to: "user:bob")
        let first = try #require(try await story.events().last?.position)
        try await story.put(nil)
        try await story.store.send("m2", to: "user:bob")
        try await story.put(WebhookStory.settings)
        #expect(try await story.storage.webhookCursor(of: story.tenant) == first)
        try await story.store.send("m3", to: "user:bob")
        #expect(try await story.events(after: first).map { $0.message?.id } == ["m3"])
        // A change of the settings leaves the place.
        try await story.settle { $0.cursor = first + 1 }
        try await story.put(WebhookStory.settings)
        #expect(try await story.storage.webhookCursor(of: story.tenant) == first + 1)
    }

    @Test func `a commit with events wakes the delivery`() async throws {
        let story = try await WebhookStory.begin()
        await story.storage.webhookSignal.wait(atMost: .seconds(20))
        let waiter = Task { await story.storage.webhookSignal.wait(atMost: .seconds(60)) }
        try await story.store.send("m1", to: "user:bob")
        let start = ContinuousClock.now
        await waiter.value
        #expect(ContinuousClock.now - start < .seconds(20))
    }

    @Test func `a round of deliveries is settled at once, and the place never goes back`() async throws {
        let story = try await WebhookStory.begin()
        for id in 1...4 { try await story.store.send("m\(id)", to: "user:bob") }
        let places = try await story.events().map(\.position)
        try await story.settle { outcome in
            outcome.cursor = places[3]
            outcome.retries = [
                WebhookRetry(position: places[2], account: story.people.bob.account.key, attempts: 0, notBefore: 9),
                WebhookRetry(position: places[0], account: nil, attempts: 1, notBefore: 9, status: 503, reason: "busy"),
            ]
            outcome.requests = [
                WebhookRequest(
                    at: story.store.clock.now, firstPosition: places[0], lastPosition: places[3], events: 4, attempt: 1,
                    status: 503, milliseconds: 12, reason: "busy")
            ]
        }
        try await story.settle { $0.cursor = places[0] }
        #expect(try await story.storage.webhookCursor(of: story.tenant) == places[3])
        let retries = try await story.storage.webhookRetries(of: story.tenant, aside: false, after: 0, limit: 10)
        #expect(retries.map(\.position) == [places[0], places[2]])
        #expect(retries[0].status == 503 && retries[0].reason == "busy" && retries[0].account == nil)
        #expect(retries[1].account == story.people.bob.account.key)

        try await story.settle { outcome in
            outcome.delivered = [places[2]]
            outcome.retries = [
                WebhookRetry(position: places[0], account: nil, attempts: 2, notBefore: 10, isAside: true)
            ]
        }
        #expect(try await story.storage.webhookRetries(of: story.tenant, aside: false, after: 0, limit: 10).isEmpty)
        let aside = try await story.storage.webhookRetries(of: story.tenant, aside: true, after: 0, limit: 10)
        #expect(aside.map(\.attempts) == [2] && aside[0].status == nil)
        let log = try await story.storage.webhookRequests(of: story.tenant, before: nil, limit: 10)
        #expect(log.map(\.events) == [4] && log[0].status == 503 && log[0].key > 0)
        #expect(try await story.storage.webhookRequests(of: story.tenant, before: log[0].key, limit: 10).isEmpty)
    }

    @Test func `what is left of a webhook that is taken away waits for no other`() async throws {
        let story = try await WebhookStory.begin()
        try await story.store.send("m1", to: "user:bob")
        let place = try #require(try await story.events().first?.position)
        let retry = WebhookRetry(position: place, account: nil, attempts: 1, notBefore: 0)
        try await story.settle { $0.retries = [retry] }
        try await story.put(nil)
        // A round that was under way.
        try await story.settle { $0.retries = [retry] }
        #expect(try await story.count("webhook_retry") == 0)
    }

    /// The steps of a removal may still be under way when a new webhook is set.
    @Test func `a removal takes nothing of a webhook that is set meanwhile`() async throws {
        let story = try await WebhookStory.begin()
        try await story.store.send("m1", to: "user:bob")
        let place = try #require(try await story.events().first?.position)
        try await story.settle { $0.retries = [WebhookRetry(position: place, account: nil, attempts: 1, notBefore: 0)] }
        let hasMore = try await story.storage.commits.run { writer in
            try WebhookRest(writer: writer, tenant: story.tenant).remove(limit: 1)
        }
        #expect(!hasMore)
        #expect(try await story.count("webhook_retry") == 1)
    }

    @Test func `without a webhook there is no place in the queue`() async throws {
        let story = try await WebhookStory.begin()
        try await story.put(nil)
        #expect(try await story.storage.webhookCursor(of: story.tenant) == nil)
    }

    // MARK: Replay

    @Test func `events are put in line again, in pages, each once`() async throws {
        let story = try await WebhookStory.begin()
        try await story.storage.commits.run { writer in
            for number in 0..<2500 {
                try WebhookLog(writer: writer).record(
                    number.isMultiple(of: 5) ? .messageRead : .messageSent, tenant: story.tenant,
                    account: AccountKey(rawValue: 7), at: 1000)
            }
        }
        let first = try #require(try await story.events().first?.position)
        let last = first + 2499
        try await story.settle { outcome in
            outcome.cursor = last - 10
            outcome.retries = [
                WebhookRetry(position: last - 11, account: nil, attempts: 5, notBefore: 9, isAside: true)
            ]
        }
        var settings = WebhookStory.settings
        settings.events = [.messageSent]
        try await story.put(settings)
        // All that is told counts; the ten whose turn has not come stay where they are.
        #expect(try await story.storage.replayWebhookEvents(of: story.tenant, after: first - 1, at: 77) == 2000)
        #expect(try await story.count("webhook_retry") == 1992)
        let retries = try await story.storage.webhookRetries(of: story.tenant, aside: false, after: 0, limit: 3000)
        #expect(retries.count == 1992 && retries.allSatisfy { $0.attempts == 0 && $0.notBefore == 77 })
        #expect(Set(retries.map(\.account)) == [AccountKey(rawValue: 7), nil])
        #expect(try await story.storage.replayWebhookEvents(of: story.tenant, after: last, at: 78) == 0)
        #expect(try await story.storage.replayWebhookEvents(of: story.tenant, after: last - 3, at: 78) == 3)
    }

    @Test func `a time leads to the first event from there on`() async throws {
        let story = try await WebhookStory.begin()
        let start = story.store.clock.now
        for id in 1...3 {
            try await story.store.send("m\(id)", to: "user:bob")
            story.store.clock.advance(1000)
        }
        let places = try await story.events().map(\.position)
        func position(_ time: Milliseconds) async throws -> Int64? {
            try await story.storage.webhookPosition(of: story.tenant, at: time)
        }
        #expect(try await position(0) == places[0])
        #expect(try await position(start + 1) == places[1])
        #expect(try await position(start + 2000) == places[2])
        #expect(try await position(start + 2001) == nil)
    }

    @Test func `one type is found among many others`() async throws {
        let story = try await WebhookStory.begin()
        try await story.storage.commits.run { writer in
            for number in 0..<(WebhookEventRows.scannedMax * 2 + 100) {
                let isRare = number == 3 || number == WebhookEventRows.scannedMax + 1
                try WebhookLog(writer: writer).record(
                    isRare ? .messageRead : .messageSent, tenant: story.tenant, at: 1000)
            }
        }
        let found = try await story.events(type: .messageRead)
        #expect(found.count == 2)
        let first = try #require(found.first?.position)
        #expect(try await story.events(after: first, type: .messageRead).map(\.position) == [found[1].position])
        #expect(try await story.events(type: .messageBurned).isEmpty)
    }

    // MARK: Pruning

    @Test func `old events go once nothing waits for them`() async throws {
        let story = try await WebhookStory.begin()
        for id in 1...5 { try await story.store.send("m\(id)", to: "user:bob") }
        let places = try await story.events().map(\.position)
        try await story.settle { outcome in
            outcome.cursor = places[3]
            outcome.retries = [
                WebhookRetry(position: places[1], account: nil, attempts: 1, notBefore: 0),
                WebhookRetry(position: places[2], account: nil, attempts: 9, notBefore: 0, isAside: true),
            ]
        }
        func prune() async throws -> [String?] {
            while try await story.storage.dropWebhookEvents(before: story.store.clock.now - Self.day, limit: 2) {}
            return try await story.events().map { $0.message?.id }
        }
        story.store.clock.advance(Self.day)
        #expect(try await prune().count == 5)
        story.store.clock.advance(1)
        try await story.store.send("m6", to: "user:bob")
        #expect(try await prune() == ["m2", "m3", "m5", "m6"])
        story.store.clock.advance(7 * Self.day)
        // Given up a week ago; what is still tried stays, and so does what was never delivered.
        #expect(try await prune() == ["m2", "m5", "m6"])
        try await story.settle { outcome in
            outcome.delivered = [places[1]]
            outcome.cursor = places[4] + 1
        }
        #expect(try await prune() == [])
        #expect(try await story.count("webhook_retry") == 0)
    }

    @Test func `events of a webhook that is gone go as well`() async throws {
        let story = try await WebhookStory.begin()
        for id in 1...3 { try await story.store.send("m\(id)", to: "user:bob") }
        try await story.put(nil)
        story.store.clock.advance(2 * Self.day)
        _ = try await story.storage.dropWebhookEvents(before: story.store.clock.now - Self.day, limit: 2)
        #expect(try await story.events().isEmpty)
    }

    @Test func `the delivery log is bounded by number and by age`() async throws {
        let story = try await WebhookStory.begin()
        func add(_ count: Int) async throws {
            try await story.settle { outcome in
                outcome.requests = (0..<count).map { _ in
                    WebhookRequest(
                        at: story.store.clock.now, firstPosition: 1, lastPosition: 1, events: 1, attempt: 1,
                        status: 200, milliseconds: 1, reason: nil)
                }
            }
        }
        for _ in 0..<15 { try await add(999) }
        let most = WebhookSettling.requestsMax + WebhookSettling.trimmedAt
        #expect(try await story.count("webhook_request") <= most)
        #expect(try await story.count("webhook_request") >= WebhookSettling.requestsMax)
        story.store.clock.advance(Self.day)
        try await add(3)
        _ = try await story.storage.dropWebhookEvents(before: story.store.clock.now - Self.day + 1, limit: 1000)
        #expect(try await story.count("webhook_request") == 3)
    }

    @Test(arguments: [
        WebhookEventRows.afterSQL, WebhookPruning.lastSQL, Storage.retriesSQL, Storage.requestsSQL,
    ])
    func `no query walks through a table or sorts`(sql: String) async throws {
        let store = try await TestStore()
        let plan = try await store.read { db in
            try Row.fetchAll(db, sql: "EXPLAIN QUERY PLAN " + sql.replacing("?", with: "1")).map {
                $0["detail"] as String
            }
        }
        #expect(plan.allSatisfy { !$0.contains("SCAN") && !$0.contains("TEMP B-TREE") }, "\(plan)")
    }

    /// The few webhooks are walked through, and what CTEs found; never what grows.
    @Test(arguments: [WebhookPruning.tenantsSQL, Storage.countsSQL, Storage.workSQL])
    func `no query walks through all events`(sql: String) async throws {
        let store = try await TestStore()
        let plan = try await store.read { db in
            try Row.fetchAll(
                db, sql: "EXPLAIN QUERY PLAN " + sql.replacing("?1", with: "1").replacing("?", with: "1")
            ).map { $0["detail"] as String }
        }
        #expect(
            !plan.contains { line in ["SCAN e", "SCAN r", "SCAN webhook_"].contains { line.hasPrefix($0) } }, "\(plan)")
    }
}

import Foundation
import GRDB
import PushCore
import Testing

@testable import PushStorage

@Suite struct WebhookDeliveryStoreTests {
    private func settings() -> WebhookSettings {
        WebhookSettings(url: "https://hooks.example/", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    }

    /// A store whose tenant has a webhook and `count` events.
    private func story(_ count: Int) async throws -> (test: TestStore, positions: [Int64]) {
        let test = try await TestStore()
        try await test.storage.setWebhook(settings(), of: test.tenant.key, at: test.clock.now)
        try await test.account("ann")
        for number in 0..<count { try await test.send("m-\(number)", to: "user:ann") }
        let events = try await test.storage.webhookEvents(
            of: test.tenant.key, after: 0, type: .messageSent, limit: 500)
        #expect(events.count == count)
        return (test, events.map(\.position))
    }

    private func row(
        _ position: Int64, account: Int64?, at notBefore: Milliseconds = 0, isAside: Bool = false
    )
        -> WebhookRetry
    {
        WebhookRetry(
            position: position, account: account.map(AccountKey.init(rawValue:)), attempts: 1,
            notBefore: notBefore,
            isAside: isAside, status: 500, reason: nil)
    }

    @Test func `a tenant has work while events follow its cursor, or rows are due`() async throws {
        let (test, positions) = try await story(3)
        let (storage, tenant, now) = (test.storage, test.tenant.key, test.clock.now)
        #expect(try await storage.tenantsWithWebhookWork(at: now) == [tenant])
        var outcome = WebhookSettlement()
        outcome.cursor = try await storage.webhookEvents(of: tenant, after: 0, type: nil, limit: 500)
            .last?.position
        outcome.retries = [
            row(positions[0], account: nil, at: now + 1000), row(positions[1], account: 7, isAside: true),
        ]
        try await storage.settle(outcome, of: tenant)
        #expect(try await storage.tenantsWithWebhookWork(at: now) == [])
        #expect(try await storage.tenantsWithWebhookWork(at: now + 1000) == [tenant])
        #expect(try await storage.webhookCounts() == WebhookCounts(waiting: 1, aside: 1))
    }

    @Test func `what waits is counted up to a limit`() async throws {
        let (test, positions) = try await story(5)
        var outcome = WebhookSettlement()
        outcome.cursor = positions[1]
        outcome.retries = [
            row(positions[0], account: nil, isAside: true), row(positions[1], account: 7, isAside: true),
        ]
        try await test.storage.settle(outcome, of: test.tenant.key)
        #expect(try await test.storage.webhookCounts(upTo: 1) == WebhookCounts(waiting: 1, aside: 1))
        #expect(try await test.storage.webhookCounts().aside == 2)
    }

    @Test func `rows in line are told by account and in order, due ones by their time`() async throws {
        let (test, positions) = try await story(8)
        let (storage, tenant, now) = (test.storage, test.tenant.key, test.clock.now)
        var outcome = WebhookSettlement()
        outcome.retries = [
            row(positions[5], account: 7), row(positions[1], account: 7), row(positions[3], account: 7),
            row(positions[0], account: nil), row(positions[2], account: 9),
            row(positions[4], account: 7, at: now - 10), row(positions[6], account: 9, at: now - 20),
            row(positions[7], account: 9, at: now + 1),
        ]
        try await storage.settle(outcome, of: tenant)
        let seven = AccountKey(rawValue: 7)
        #expect(
            try await storage.webhookAccountsInLine(of: tenant, after: -1, limit: 10)
                == [nil, seven, AccountKey(rawValue: 9)])
        #expect(try await storage.webhookAccountsInLine(of: tenant, after: 0, limit: 1) == [seven])
        let first = try await storage.webhookRowsInLine(of: tenant, account: seven, after: 0, limit: 2)
        #expect(first.map(\.position) == [positions[1], positions[3]])
        let rest = try await storage.webhookRowsInLine(
            of: tenant, account: seven, after: positions[3], limit: 2)
        #expect(rest.map(\.position) == [positions[5]])
        #expect(rest.first?.status == 500)
        #expect(
            try await storage.webhookRowsInLine(of: tenant, account: nil, after: 0, limit: 9).map(
                \.position)
                == [positions[0]])
        #expect(
            try await storage.dueWebhookRows(of: tenant, at: now, limit: 9).map(\.position)
                == [positions[6], positions[4]])
    }

    @Test func `events are read by their places, and those that are gone are left out`() async throws {
        let (test, positions) = try await story(5)
        let found = try await test.storage.webhookEvents(
            of: test.tenant.key, at: [positions[4], positions[1], 999_999])
        #expect(found.map(\.position) == [positions[1], positions[4]])
        #expect(found.map { $0.message?.id } == ["m-1", "m-4"])
        #expect(
            try await test.storage.webhookEvents(of: TenantKey(rawValue: 99), at: positions).isEmpty)
        #expect(try await test.storage.webhookEvents(of: test.tenant.key, at: []).isEmpty)
    }

    @Test(arguments: [
        (Storage.accountsInLineSQL, "webhook_retry_in_line"),
        (Storage.rowsInLineSQL, "webhook_retry_in_line"),
        (Storage.dueSQL, "webhook_retry_in_line"),
    ])
    func `what is asked often walks an index`(sql: String, index: String) async throws {
        let test = try await TestStore()
        let plan = try await test.storage.file.read { db in
            try Row.fetchAll(
                db, sql: "EXPLAIN QUERY PLAN " + sql,
                arguments: StatementArguments(Array(repeating: 1, count: sql.count { $0 == "?" }))
            ).map { $0["detail"] as String }
        }
        #expect(plan.contains { $0.contains(index) }, "\(plan)")
        #expect(!plan.contains { $0.contains("SCAN webhook") }, "\(plan)")
    }
}

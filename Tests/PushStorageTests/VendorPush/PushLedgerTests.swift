import GRDB
import PushCore
import Testing

@testable import PushStorage

@Suite struct PushLedgerTests {
    private func use(
        _ store: TestStore, _ messageClass: MessageClass, device: DeviceKey? = nil, app: AppKey? = nil, day: Int64 = 100
    ) -> BudgetUse {
        BudgetUse(
            tenant: store.tenant.key, app: app, vendor: .fcm, day: day, messageClass: messageClass, device: device)
    }

    /// Ends a job as accepted, as if it had been claimed.
    private func accept(_ store: TestStore, _ uses: [BudgetUse?], device: DeviceKey) async throws {
        let changes = uses.map { use in
            (
                PushJob(
                    key: 1_000_000, lane: 1, message: MessageKey(rawValue: 1), device: device, attempts: 1, createdAt: 0
                ),
                PushJobChange.accepted(vendor: .fcm, vendorID: nil, use: use)
            )
        }
        try await store.storage.change(changes, at: store.clock.now)
    }

    @Test func `accepted pushes are counted with their credential, and with the device where one is named`()
        async throws
    {
        let store = try await TestStore()
        let device = try await store.register("ann", code: "c").identity.key
        try await accept(
            store,
            [
                use(store, .marketing), use(store, .marketing), use(store, .transactional, device: device), nil,
                use(store, .transactional, app: store.app.key), use(store, .transactional, day: 101),
            ], device: device)
        try await accept(store, [use(store, .marketing, device: device)], device: device)
        let tenant = store.tenant.key
        let storage = store.storage
        #expect(
            try await storage.pushUsage(tenant: tenant, app: nil, vendor: .fcm, day: 100)
                == [.marketing: 3, .transactional: 1])
        #expect(
            try await storage.pushUsage(tenant: tenant, app: store.app.key, vendor: .fcm, day: 100)
                == [.transactional: 1])
        #expect(try await storage.pushUsage(tenant: tenant, app: nil, vendor: .apns, day: 100).isEmpty)
        #expect(try await storage.pushUsage(sinceDay: 101).map(\.used) == [1])
        #expect(try await storage.pushUsage(sinceDay: 100).count == 4)
        let sent = try await storage.file.read { try DeviceUsage($0, device: device, vendor: .fcm, day: 100) }
        #expect(sent == DeviceUsage(device: device, day: 100, transactional: 1, marketing: 1))
    }

    @Test func `the ledger survives a restart`() async throws {
        let store = try await TestStore()
        let device = try await store.register("ann", code: "c").identity.key
        try await accept(store, [use(store, .marketing), use(store, .transactional)], device: device)
        store.storage.close()
        let again = try TestStore.open(store.path)
        defer { again.close() }
        let rows = try await again.pushUsage(sinceDay: 0)
        #expect(rows.map(\.used) == [1, 1] && rows.allSatisfy { $0.app == nil && $0.tenant == store.tenant.key })
    }

    @Test func `old days are removed, those of devices sooner`() async throws {
        let store = try await TestStore()
        let device = try await store.register("ann", code: "c").identity.key
        for day in [10, 98, 100] as [Int64] {
            try await accept(store, [use(store, .marketing, device: device, day: day)], device: device)
        }
        #expect(try await !store.storage.prunePushUsage(beforeDay: 90, devicesBeforeDay: 99))
        #expect(try await store.storage.pushUsage(sinceDay: 0).map(\.day) == [98, 100])
        let days = try await store.storage.file.read {
            try Int64.fetchAll($0, sql: "SELECT day FROM device_push_usage ORDER BY day")
        }
        #expect(days == [100])
        #expect(try await !store.storage.prunePushUsage(beforeDay: 90, devicesBeforeDay: 99))
    }

    @Test func `pushes that wait are counted by vendor`() async throws {
        let store = try await TestStore()
        for vendor in [Vendor.apns, .fcm] {
            try await store.storage.setVendorSettings(
                .emptyObject, tenant: store.tenant.key, app: nil, vendor: vendor, at: store.clock.now)
        }
        let device = try await store.register(
            "ann", code: "c", #"{"pushTokens":[{"vendor":"fcm","token":"first111"}]}"#
        ).identity
        for (id, more) in [("m1", ""), ("m2", #","push":{"class":"marketing"}"#)] {
            try await store.send(id, to: "user:ann", more)
            let item = try #require(try await store.inbox(device.account).items.last)
            let candidate = FallbackCandidate(
                device: device.key, account: device.account.key, message: item.message.key, seq: item.entry.seq)
            #expect(try await store.storage.decide([candidate], at: store.clock.now))
        }
        #expect(try await store.storage.waitingPushes() == [.apns: 0, .fcm: 2])
    }
}

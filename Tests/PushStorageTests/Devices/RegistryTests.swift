import PushCore
import Testing

@testable import PushStorage

@Suite struct RegistryTests {
    private let token = #"{"osType":1,"pushTokens":[{"vendor":"apns","token":"aaaa1111"}]}"#

    private func device(_ store: TestStore, _ outcome: RegistrationOutcome) async throws -> Device {
        try #require(try await store.storage.device(outcome.identity.key))
    }

    @Test func `registering again updates the same device`() async throws {
        let store = try await TestStore()
        let first = try await store.register("ann", code: "c", token)
        let again = try await store.register("ann", code: "c", #"{"osType":"ANDROID","pushEnabled":false}"#)
        #expect(first.isNew && !again.isNew && first.identity.deviceID == again.identity.deviceID)
        let device = try await device(store, again)
        #expect(device.osType == .android && !device.pushEnabled && device.tokens.map(\.token) == ["aaaa1111"])
        #expect(try await store.storage.devices(of: first.identity.account.key).count == 1)
    }

    @Test func `the same code with another user moves the device`() async throws {
        let store = try await TestStore()
        let old = try await store.register("ann", code: "c", token)
        _ = try await store.storage.lookUp(deviceID: old.identity.deviceID)
        let moved = try await store.register("bob", code: "c")
        #expect(moved.isNew && moved.endedDevices == [old.identity.deviceID])
        #expect(moved.identity.deviceID != old.identity.deviceID)
        let history = try await device(store, old)
        #expect(history.status == .moved && history.endedAt != nil && history.tokens.isEmpty)
        guard case .ended = try await store.storage.lookUp(deviceID: old.identity.deviceID) else {
            Issue.record("the old device's credential still counts")
            return
        }
        #expect(try await store.storage.endedDevices(since: 0, after: nil, limit: 10) == [old.identity.deviceID])
    }

    @Test func `one token rings one device`() async throws {
        let store = try await TestStore()
        let old = try await store.register("ann", code: "c1", token)
        let new = try await store.register("bob", code: "c2", token)
        #expect(try await device(store, old).tokens.isEmpty)
        #expect(try await device(store, new).tokens.map(\.token) == ["aaaa1111"])
        // And back again.
        _ = try await store.storage.update(old.identity.key, store.draft(token), at: store.clock.now)
        #expect(try await device(store, old).tokens.count == 1)
        #expect(try await device(store, new).tokens.isEmpty)
    }

    @Test func `the same token in another tenant is another token`() async throws {
        let store = try await TestStore()
        let other = try await store.storage.createTenant(no: "other", name: "", at: 1)
        let first = try await store.register("ann", code: "c", token)
        let second = try await store.storage.register(
            Registration(
                tenant: other, app: store.app.key, isSigned: true, signedAt: nil, userID: "ann", uniqueCode: "c",
                draft: store.draft(token)), at: 1)
        #expect(second.isNew && second.endedDevices.isEmpty)
        #expect(try await device(store, first).tokens.count == 1)
    }

    @Test func `a deregistered device is history, and registering later starts anew`() async throws {
        let store = try await TestStore()
        let first = try await store.register("ann", code: "c", token)
        try await store.send("m1", to: "user:ann")
        guard case .active = try await store.storage.lookUp(deviceID: first.identity.deviceID) else {
            Issue.record("an active device was not found")
            return
        }
        #expect(try await store.storage.deregister(first.identity.key, at: store.clock.now))
        #expect(try await !store.storage.deregister(first.identity.key, at: store.clock.now))
        guard case .ended = try await store.storage.lookUp(deviceID: first.identity.deviceID) else {
            Issue.record("a deregistered device is still active")
            return
        }
        let change = await store.refusal {
            try await store.storage.update(first.identity.key, store.draft("{}"), at: store.clock.now)
        }
        #expect(change?.code == .tokenRevoked)
        let again = try await store.register("ann", code: "c")
        #expect(again.isNew && again.identity.deviceID != first.identity.deviceID && again.seq == 1)
        #expect(try await store.storage.cursor(of: again.identity.key).seq == 1)
        #expect(
            try await store.storage.devices(of: first.identity.account.key).map(\.status) == [.deregistered, .active])
        let cached = try await store.storage.devices(of: [first.identity.account.key])
        #expect(cached[first.identity.account.key]?.devices.map(\.deviceID) == [again.identity.deviceID])
        #expect(store.storage.cachedDevices(of: first.identity.account.key)?.devices.count == 1)
    }

    @Test func `open registration uses only accounts its app made so`() async throws {
        let store = try await TestStore()
        let open = try await store.register("ann", code: "c1", isSigned: false)
        #expect(open.isNew)
        #expect(try await !store.register("ann", code: "c1", isSigned: false).isNew)
        try await store.account("bob")
        try await store.register("cid", code: "c3", token)
        for (user, code, json) in [("bob", "c4", "{}"), ("cid", "c5", "{}"), ("dan", "c3", "{}"), ("dan", "c6", token)]
        {
            let refusal = await store.refusal { try await store.register(user, code: code, json, isSigned: false) }
            #expect(refusal?.code == .forbidden, "\(user) \(code)")
        }
        // A signed registration closes the account for ever.
        try await store.register("ann", code: "c7")
        let closed = await store.refusal { try await store.register("ann", code: "c1", isSigned: false) }
        #expect(closed?.code == .forbidden)
    }

    @Test func `signatures from before a kick are refused`() async throws {
        let store = try await TestStore()
        let ann = try await store.register("ann", code: "c", signedAt: 100)
        let account = ann.identity.account
        #expect(
            try await store.storage.endDevices(of: account.key, by: store.appIdentity, at: 200) == [
                ann.identity.deviceID
            ])
        let old = await store.refusal { try await store.register("ann", code: "c", signedAt: 199) }
        #expect(old?.code == .tokenRevoked)
        let again = try await store.register("ann", code: "c", signedAt: 200)
        #expect(again.isNew && again.identity.account == account)
    }

    @Test func `a cursor goes forward only, never beyond the head`() async throws {
        let store = try await TestStore()
        let ann = try await store.register("ann", code: "c").identity
        for number in 0..<5 { try await store.send("m\(number)", to: ann.account.id) }
        #expect(try await store.storage.acknowledge(ann, seq: 3, broadcastSeq: nil).seq == 3)
        #expect(try await store.storage.acknowledge(ann, seq: 1, broadcastSeq: nil).seq == 3)
        #expect(try await store.storage.acknowledge(ann, seq: 99, broadcastSeq: 4) == Cursor(seq: 5, broadcastSeq: 0))
        #expect(try await store.storage.cursor(of: ann.key).seq == 5)
    }

    @Test func `when a device was seen is noted`() async throws {
        let store = try await TestStore()
        let ann = try await store.register("ann", code: "c").identity
        try await store.storage.noteSeen([(ann.key, store.clock.now + 7)])
        #expect(try await store.storage.device(ann.key)?.lastSeenAt == store.clock.now + 7)
    }
}

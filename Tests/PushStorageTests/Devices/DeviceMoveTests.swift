import PushCore
import Testing

@testable import PushStorage

@Suite struct DeviceMoveTests {
    private let token = #"{"pushToken":"token-1","pushVendor":"fcm"}"#

    private func events(_ store: TestStore, _ account: AccountRef) async throws -> [String] {
        let items = try await store.inbox(account).items
        for item in items {
            #expect(item.message.type.rawValue == 256 && item.entry.flags == .uncounted && item.entry.peer == .none)
            #expect(item.message.from == account.id && item.message.to == "")
        }
        return items.compactMap { $0.message.content?.text }
    }

    private func moved(_ device: DeviceIdentity) -> String {
        #"{"op":"device_moved","deviceId":"\#(device.deviceID)"}"#
    }

    @Test func `who loses a device is told, with nothing of who has it now`() async throws {
        let store = try await TestStore()
        let ann = try await store.register("ann", code: "c", token).identity
        let bob = try await store.register("bob", code: "c", token)
        #expect(bob.seq == 0)
        #expect(try await events(store, ann.account) == [moved(ann)])
        #expect(try await events(store, bob.identity.account) == [])
        let item = try #require(try await store.inbox(ann.account).items.first)
        let payload = String(
            decoding: DownlinkTemplate(item.message, now: store.clock.now).payload(account: ann.account.id, seq: 1),
            as: UTF8.self)
        #expect(!payload.contains(bob.identity.account.id) && !payload.contains(bob.identity.deviceID))
        #expect(payload.contains(#""from":"\#(ann.account.id)","to":"\#(ann.account.id)""#))
    }

    @Test func `a push token that moves tells of the device that lost it, by registration and by change`() async throws
    {
        let store = try await TestStore()
        let two = #"{"pushTokens":[{"vendor":"fcm","token":"t1"},{"vendor":"webhook","token":"t2"}]}"#
        let ann = try await store.register("ann", code: "a", two).identity
        let bob = try await store.register("bob", code: "b", two).identity
        #expect(try await events(store, ann.account) == [moved(ann)])
        _ = try await store.storage.update(ann.key, store.draft(two), at: store.clock.now)
        #expect(try await events(store, ann.account) == [moved(ann)])
        #expect(try await events(store, bob.account) == [moved(bob)])
    }

    @Test func `within one account nothing is told, and a refused move tells nobody`() async throws {
        let store = try await TestStore()
        let ann = try await store.register("ann", code: "a", token).identity
        _ = try await store.register("ann", code: "a2", token)
        _ = try await store.register("ann", code: "a", token)
        #expect(try await events(store, ann.account) == [])
        let open = await store.refusal { try await store.register("eve", code: "a", isSigned: false) }
        #expect(open?.code == .forbidden)
        #expect(try await events(store, ann.account) == [])
    }
}

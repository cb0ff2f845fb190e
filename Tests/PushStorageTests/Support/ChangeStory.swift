import Foundation
import GRDB
import PushCore
import Testing

@testable import PushStorage

/// A store with people in it, and what their inboxes show, in one line per entry.
struct ChangeStory {
    let store: TestStore
    let ann: DeviceIdentity
    let bob: DeviceIdentity
    let cat: DeviceIdentity

    static func begin(limits: Limits = Limits()) async throws -> ChangeStory {
        let store = try await TestStore(limits: limits)
        return ChangeStory(
            store: store, ann: try await store.register("ann", code: "ann").identity,
            bob: try await store.register("bob", code: "bob").identity,
            cat: try await store.register("cat", code: "cat").identity)
    }

    var storage: Storage { store.storage }

    func group(_ users: [String], id: String = "team") async throws {
        _ = try await storage.createGroup(
            id: id, name: "Team", users: users, tenant: store.tenant.key, at: store.clock.now)
    }

    func update(_ id: String, _ text: String, by principal: Principal) async throws -> MessageRevision {
        try await edit(id, #"{"content":{"text":"\#(text)"}}"#, by: principal)
    }

    func edit(_ id: String, _ body: String, by principal: Principal) async throws -> MessageRevision {
        let edit = try MessageEdit(parsing: RawJSON(parsing: Array(body.utf8)), limits: store.limits)
        return try await storage.update(id, to: edit, by: principal)
    }

    func revoke(_ id: String, by principal: Principal) async throws -> MessageErasure {
        try await storage.revoke(id, by: principal)
    }

    func burn(_ id: String, by device: DeviceIdentity) async throws -> MessageErasure {
        try await storage.burn(id, by: device)
    }

    /// The code of a refusal; nil when there was none.
    func code<Value>(_ body: () async throws -> Value) async -> GatewayError.Code? {
        await store.refusal(body)?.code
    }

    func settle() async throws { while try await storage.expandNextPage() {} }

    func message(_ id: String) async throws -> ArchivedMessage {
        try #require(try await storage.message(id: id, tenant: store.tenant.key))
    }

    /// The inbox as a device would see it now: `m1 hello`, `m1+1 revoked`, `257 m1 by …`.
    func inbox(_ account: AccountRef, in storage: Storage? = nil) async throws -> [String] {
        let page = try await (storage ?? self.storage).inbox(of: account.key, after: 0, limit: 500)
        #expect(page.items.map(\.entry.seq) == page.items.indices.map { Int64($0) + 1 })
        // Who is in a group is another story.
        return page.items.filter { $0.message.type.rawValue != 260 }.map { item in
            let revision = item.entry.revision
            let name = item.message.id + (revision > 0 ? "+\(revision)" : "")
            let content = item.message.content?.object
            if item.message.type.isEvent {
                #expect(item.entry.peer == .none)
                return "\(item.message.type.rawValue) \(content?["messageId"]?.string ?? "")"
            }
            let reason = item.message.reasonForNoContent(revision: revision, isBurned: false, now: store.clock.now)
            return "\(name) \(reason?.rawValue ?? content?["text"]?.string ?? content?["status"]?.string ?? "")"
        }
    }

    func events(_ account: AccountRef) async throws -> [ArchivedMessage] {
        try await store.inbox(account).items.map(\.message).filter { (256...258).contains($0.type.rawValue) }
    }

    func scalar(_ sql: String) async throws -> Int64 {
        try await storage.file.read { try Int64.fetchOne($0, sql: sql) ?? -1 }
    }
}

extension DeviceIdentity {
    var principal: Principal { .device(self) }

    /// The same device in a tenant with other settings.
    func with(_ change: (inout TenantSettings) -> Void) -> DeviceIdentity {
        var tenant = tenant
        change(&tenant.settings)
        return DeviceIdentity(key: key, deviceID: deviceID, account: account, userID: userID, tenant: tenant)
    }
}

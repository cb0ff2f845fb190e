import PushCore
import Testing

@testable import PushStorage

@Suite struct MembershipTests {
    @Test func `members join and leave, and the counts tell it`() async throws {
        let store = try await TestStore()
        let tenant = store.tenant.key
        let group = try await store.storage.createGroup(
            id: "g", name: "G", users: ["a", "b", "b"], tenant: tenant, at: 1)
        #expect(group.memberCount == 2)
        let added = try await store.storage.addMembers(["b", "c"], to: group.key, tenant: tenant, membersMax: 3, at: 2)
        #expect(added.changed == 1 && added.memberCount == 3)
        let removed = try await store.storage.removeMembers(["a", "ghost"], from: group.key, tenant: tenant, at: 3)
        #expect(removed.changed == 1 && removed.memberCount == 2)
        let first = try await store.storage.members(of: group.key, after: nil, limit: 1)
        let second = try await store.storage.members(of: group.key, after: first.last?.account, limit: 5)
        #expect((first + second).map(\.userID) == ["b", "c"])
        let back = try await store.storage.addMembers(["a"], to: group.key, tenant: tenant, membersMax: 3, at: 4)
        #expect(back.changed == 1 && back.memberCount == 3)
        let full = await store.refusal {
            try await store.storage.addMembers(["d"], to: group.key, tenant: tenant, membersMax: 3, at: 5)
        }
        #expect(full?.code == .tooLarge)
        #expect(try await store.storage.group(id: "g", tenant: tenant)?.memberCount == 3)
    }

    @Test func `an id is taken until its group is deleted`() async throws {
        let store = try await TestStore()
        let tenant = store.tenant.key
        let group = try await store.storage.createGroup(id: "g", name: "", users: [], tenant: tenant, at: 1)
        let taken = await store.refusal {
            try await store.storage.createGroup(id: "g", name: "", users: [], tenant: tenant, at: 1)
        }
        #expect(taken?.code == .conflict)
        try await store.storage.deleteGroup(group.key, at: 2)
        #expect(try await store.storage.group(id: "g", tenant: tenant) == nil)
        _ = try await store.storage.createGroup(id: "g", name: "", users: [], tenant: tenant, at: 3)
        #expect(try await store.storage.groups(of: tenant, after: nil, limit: 10).map(\.groupID) == ["g"])
    }
}

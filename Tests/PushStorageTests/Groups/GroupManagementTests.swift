import PushCore
import Testing

@testable import PushStorage

/// Groups with owners, roles and profiles.
@Suite struct GroupManagementTests {
    private func draft(
        owner: String? = nil, members: [NewGroupMember] = [], profile: String = "{}"
    ) throws -> GroupDraft {
        var draft = GroupDraft(id: nil, name: "G")
        draft.owner = owner
        draft.members = members
        draft.profile = try RawJSON(parsing: Array(profile.utf8))
        return draft
    }

    @discardableResult
    private func make(_ store: TestStore, _ id: String, _ draft: GroupDraft) async throws -> Group {
        try await store.storage.createGroup(
            id: id, draft, tenant: store.tenant.key, membersMax: 100, at: store.clock.now, announcedBy: nil)
    }

    private func people(_ store: TestStore, _ users: String...) async throws {
        for user in users { try await store.account(user) }
    }

    @Test func `a group has an owner, administrators and a profile`() async throws {
        let store = try await TestStore()
        try await people(store, "ann", "bob", "cat")
        var plan = try self.draft(
            owner: "ann",
            members: [.init(userID: "bob", isAdmin: true), .init(userID: "ann"), .init(userID: "cat", joinedAt: 7)],
            profile: #"{"Type":"Work","Introduction":"hi"}"#)
        plan.createdAt = 5
        let group = try await make(store, "g", plan)
        #expect(group.memberCount == 3)
        let details = try #require(
            try await store.storage.details(ofGroups: ["g"], tenant: store.tenant.key).first ?? nil)
        #expect(details.owner == "ann" && details.createdAt == 5 && details.type == "Work")
        #expect(details.profile["Introduction"]?.string == "hi" && details.newestPlace == 0)
        let all = try await store.storage.memberships(
            of: group.key, roles: Set(GroupRole.allCases), offset: 0, limit: 10)
        #expect(all.total == 3)
        #expect(all.items.map(\.userID) == ["ann", "bob", "cat"])
        #expect(all.items.map(\.role) == [.owner, .admin, .member])
        #expect(all.items.map(\.joinedAt) == [5, 5, 7])
        let admins = try await store.storage.memberships(of: group.key, roles: [.admin, .owner], offset: 1, limit: 10)
        #expect(admins.total == 2 && admins.items.map(\.userID) == ["bob"])
    }

    @Test func `a group of somebody unknown is not made at all`() async throws {
        let store = try await TestStore()
        try await people(store, "ann")
        for wrong in [try draft(owner: "ghost"), try draft(members: [.init(userID: "ann"), .init(userID: "ghost")])] {
            let refusal = await store.refusal { try await make(store, "g", wrong) }
            #expect(refusal?.code == .recipientNotFound)
        }
        #expect(try await store.storage.group(id: "g", tenant: store.tenant.key) == nil)
        let none = try await store.storage.details(ofGroups: ["g"], tenant: store.tenant.key)
        #expect(none.count == 1 && none.compactMap { $0 }.isEmpty)
    }

    @Test func `each who is to join has an outcome, and nobody gets an account`() async throws {
        let store = try await TestStore()
        try await people(store, "ann", "bob")
        let group = try await make(store, "g", draft(members: [.init(userID: "ann")], profile: #"{"MaxMemberNum":2}"#))
        func join(_ users: String...) async throws -> [GroupJoining] {
            try await store.storage.join(
                users.map { NewGroupMember(userID: $0) }, to: group.key, tenant: store.tenant.key, membersMax: 100,
                at: 1,
                announcedBy: nil)
        }
        #expect(try await join("ann", "bob", "bob", "ghost") == [.alreadyMember, .joined, .alreadyMember, .unknown])
        #expect(try await store.storage.group(id: "g", tenant: store.tenant.key)?.memberCount == 2)
        try await people(store, "cat")
        let full = await store.refusal { try await join("cat") }
        #expect(full?.code == .tooLarge)
        // Its own limit holds whichever door they come through; who is in it already is no more.
        let native = await store.refusal {
            try await store.storage.addMembers(
                ["cat"], to: group.key, tenant: store.tenant.key, membersMax: 100, at: 1)
        }
        #expect(native?.code == .tooLarge)
        #expect(try await join("ann") == [.alreadyMember])
    }

    @Test func `an owner who leaves owns it no more, also after coming back`() async throws {
        let store = try await TestStore()
        try await people(store, "ann", "bob")
        let tenant = store.tenant.key
        let group = try await make(store, "g", draft(owner: "ann", members: [.init(userID: "bob", isAdmin: true)]))
        _ = try await store.storage.removeMembers(["ann", "bob"], from: group.key, tenant: tenant, at: 2)
        #expect(try await store.storage.details(ofGroups: ["g"], tenant: tenant).first??.owner == nil)
        _ = try await store.storage.addMembers(["ann", "bob"], to: group.key, tenant: tenant, membersMax: 9, at: 3)
        let found = try await store.storage.memberships(of: ["ann", "bob", "ghost"], in: group.key, tenant: tenant)
        #expect(found.map(\.role) == [.member, .member] && found.map(\.joinedAt) == [3, 3])
        try await store.storage.setOwner("bob", of: group.key, tenant: tenant)
        #expect(try await store.storage.details(ofGroups: ["g"], tenant: tenant).first??.owner == "bob")
        let stranger = await store.refusal { try await store.storage.setOwner("ghost", of: group.key, tenant: tenant) }
        #expect(stranger?.code == .notAMember)
        // An account that is deleted leaves its groups.
        let bob = try await store.account("bob")
        _ = try await store.storage.deleteAccount(bob.key, by: store.appIdentity, at: 4)
        #expect(try await store.storage.details(ofGroups: ["g"], tenant: tenant).first??.owner == nil)
    }

    @Test func `what is edited stays, and members are told of a new name`() async throws {
        let store = try await TestStore()
        let ann = try await store.account("ann")
        let tenant = store.tenant.key
        let group = try await make(
            store, "g",
            draft(members: [.init(userID: "ann")], profile: #"{"Type":"Work","FaceUrl":"a","Notification":"n"}"#))
        let patch = try RawJSON(parsing: Array(#"{"FaceUrl":"b","Notification":null}"#.utf8))
        for _ in 0..<2 {
            try await store.storage.edit(
                group.key, GroupEdit(name: "New", profile: patch), tenant: tenant, at: 1,
                announcedBy: store.appIdentity)
        }
        let details = try #require(try await store.storage.details(ofGroups: ["g"], tenant: tenant).first ?? nil)
        #expect(details.group.name == "New" && details.type == "Work")
        #expect(details.profile["FaceUrl"]?.string == "b" && details.profile["Notification"] == nil)
        let inbox = try await store.inbox(ann)
        #expect(inbox.items.map { $0.message.content?.object?["change"]?.string } == ["renamed"])

        try await store.storage.edit(
            member: "ann", of: group.key, GroupMembershipEdit(isAdmin: true, nameCard: nil), tenant: tenant)
        try await store.storage.edit(
            member: "ann", of: group.key, GroupMembershipEdit(isAdmin: nil, nameCard: "Annie"), tenant: tenant)
        let member = try await store.storage.memberships(of: ["ann"], in: group.key, tenant: tenant).first
        #expect(member?.role == .admin && member?.nameCard == "Annie")
        try await store.storage.deleteGroup(group.key, at: 2)
        let gone = await store.refusal {
            try await store.storage.edit(
                group.key, GroupEdit(name: "x", profile: patch), tenant: tenant, at: 3, announcedBy: nil)
        }
        #expect(gone?.code == .notFound)
    }

    @Test func `lists keep their places when groups go`() async throws {
        let store = try await TestStore()
        try await people(store, "ann", "bob")
        let tenant = store.tenant.key
        let other = try await store.storage.createTenant(no: "other", name: "", at: 1)
        _ = try await store.storage.createGroup(id: "theirs", name: "", users: ["ann"], tenant: other.key, at: 1)
        for number in 1...5 {
            let type = number % 2 == 0 ? #"{"Type":"Work"}"# : "{}"
            try await make(
                store, "g\(number)", draft(members: [.init(userID: number < 4 ? "ann" : "bob")], profile: type))
        }
        let first = try await store.storage.groups(of: tenant, type: nil, afterPlace: 0, limit: 2)
        #expect(first.total == 5 && first.items.map(\.groupID) == ["g1", "g2"])
        let g1 = try #require(try await store.storage.group(id: "g1", tenant: tenant))
        try await store.storage.deleteGroup(g1.key, at: 9)
        let second = try await store.storage.groups(
            of: tenant, type: nil, afterPlace: first.items[1].place, limit: 9)
        #expect(second.total == 4 && second.items.map(\.groupID) == ["g3", "g4", "g5"])
        let work = try await store.storage.groups(of: tenant, type: "Work", afterPlace: 0, limit: 9)
        #expect(work.total == 2 && work.items.map(\.groupID) == ["g2", "g4"])
        let joined = try #require(
            try await store.storage.groups(ofMember: "ann", tenant: tenant, type: nil, offset: 1, limit: 9))
        #expect(joined.total == 2 && joined.items.map(\.group.group.groupID) == ["g3"])
        #expect(joined.items.first?.membership.role == .member)
        let publicOnes = try await store.storage.groups(
            ofMember: "ann", tenant: tenant, type: "Public", offset: 0, limit: 9)
        #expect(publicOnes?.items.map(\.group.group.groupID) == ["g3"])
        let ghosts = try await store.storage.groups(ofMember: "ghost", tenant: tenant, type: nil, offset: 0, limit: 9)
        #expect(ghosts?.total == nil)
    }
}

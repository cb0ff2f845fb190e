import PushCore

/// Who is in a group, and as what (documents 269-1621, 269-1622, 269-1617, 269-1626, 269-1623).
struct TencentGroupMembers: Sendable {
    let groups: Groups

    private static let membersMax = 500
    private static let pageMax = 6000

    /// Each has a `Result` of its own: 0 no such account, 1 added, 2 a member already.
    @Sendable func add(_ call: TencentCall) async throws -> TencentFields {
        let group = try await call.group(in: groups)
        guard let list = try call.objects("MemberList", max: Self.membersMax), !list.isEmpty else {
            throw call.bad("MemberList", "is missing or empty")
        }
        let users = list.compactMap { $0["Member_Account"]?.string }
        guard users.count == list.count else { throw call.bad("MemberList", "has an element without Member_Account") }
        let isSilent = try call.flag("Silence")
        do {
            let outcomes = try await groups.join(
                users.map { NewGroupMember(userID: $0) }, to: group.group, isAnnounced: !isSilent, as: call.principal)
            return Self.answer(zip(users, outcomes))
        } catch let error as GatewayError where error.code == .tooLarge {
            throw TencentError.groupFull
        }
    }

    static func answer(_ results: some Sequence<(String, GroupJoining)> & Sendable) -> TencentFields {
        { writer in
            writer.array("MemberList") { writer in
                for (user, outcome) in results {
                    writer.object { writer in
                        writer.member("Member_Account", user)
                        writer.member("Result", outcome == .joined ? 1 : outcome == .alreadyMember ? 2 : 0)
                    }
                }
            }
        }
    }

    @Sendable func remove(_ call: TencentCall) async throws -> TencentFields {
        let group = try await call.group(in: groups)
        let users = try call.users("MemberToDel_Account", max: Self.membersMax)
        _ = try call.string("Reason")
        let isSilent = try call.flag("Silence")
        try await groups.remove(users, from: group.group, isAnnounced: !isSilent, as: call.principal)
        return TencentCommand.nothing
    }

    /// Without `Limit`: as many as one answer may have. `MemberNum` counts those whom `MemberRoleFilter` lets through.
    @Sendable func info(_ call: TencentCall) async throws -> TencentFields {
        let group = try await call.group(in: groups)
        let limit = try call.integer("Limit", in: 0...Int64.max) ?? 0
        let offset = try call.integer("Offset", in: 0...Int64(Int32.max)) ?? 0
        let fields = call.value("MemberInfoFilter").map { TencentGroupFields($0) } ?? .all
        var roles = Set(GroupRole.allCases)
        if let names = try call.strings("MemberRoleFilter", max: 10), !names.isEmpty {
            roles = Set(names.compactMap(GroupRole.init(rawValue:)))
        }
        let found = try await groups.memberships(
            of: group.group, roles: roles, offset: Int(offset),
            limit: limit == 0 ? Self.pageMax : Int(min(limit, Int64(Self.pageMax))), as: call.principal)
        return { writer in
            writer.member("MemberNum", found.total)
            writer.array("MemberList") { writer in
                for member in found.items { fields.write(member, of: group, into: &writer) }
            }
        }
    }

    @Sendable func roles(_ call: TencentCall) async throws -> TencentFields {
        let group = try await call.group(in: groups)
        let users = try call.users("User_Account", max: Self.membersMax)
        let found = try await groups.memberships(of: users, in: group.group, as: call.principal)
        return { writer in
            writer.array("UserIdList") { writer in
                for user in users {
                    writer.object { writer in
                        writer.member("Member_Account", user)
                        writer.member("Role", found[user]?.role.rawValue ?? "NotMember")
                    }
                }
            }
        }
    }

    /// `Role` and `NameCard` are kept. An owner stays the owner: `change_group_owner` makes another.
    @Sendable func modify(_ call: TencentCall) async throws -> TencentFields {
        let group = try await call.group(in: groups)
        let user = try call.requiredString("Member_Account")
        let role = try call.string("Role").flatMap { $0.isEmpty ? nil : $0 }
        if let role, ![GroupRole.admin, .member].map(\.rawValue).contains(role) {
            throw call.bad("Role", "is neither Admin nor Member")
        }
        let nameCard = try call.string("NameCard")
        if let nameCard, nameCard.utf8.count > 200 { throw call.bad("NameCard", "has more than 200 bytes") }
        do {
            try await groups.edit(
                member: user, of: group.group,
                GroupMembershipEdit(isAdmin: role.map { $0 == GroupRole.admin.rawValue }, nameCard: nameCard),
                as: call.principal)
        } catch let error as GatewayError where error.code == .notAMember {
            throw TencentError(10004, error.detail)
        }
        return TencentCommand.nothing
    }
}

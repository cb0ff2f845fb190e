import PushCore

/// `create_group`, `import_group`, `modify_group_base_info`, `change_group_owner`, `destroy_group`: groups as a whole.
struct TencentGroupMaking: Sendable {
    let groups: Groups

    /// Members that one call may bring along.
    private static let membersMax = 500

    /// Everybody named has an account already: 10019 where not, and nothing is made.
    @Sendable func create(_ call: TencentCall) async throws -> TencentFields {
        var draft = try draft(of: call)
        draft.members = try (call.objects("MemberList", max: Self.membersMax) ?? []).map { member in
            guard let user = member["Member_Account"]?.string, !user.isEmpty else {
                throw call.bad("MemberList", "has an element without Member_Account")
            }
            return NewGroupMember(userID: user, isAdmin: member["Role"]?.string == GroupRole.admin.rawValue)
        }
        return try await make(draft, call)
    }

    /// A group of elsewhere with the time it was made, without members: `import_group_member` brings them. Nobody is
    /// told.
    @Sendable func importGroup(_ call: TencentCall) async throws -> TencentFields {
        var draft = try draft(of: call)
        draft.isAnnounced = false
        if let seconds = try call.integer("CreateTime", in: 0...(call.now / 1000)), seconds > 0 {
            draft.createdAt = seconds * 1000
        }
        return try await make(draft, call)
    }

    private func draft(of call: TencentCall) throws -> GroupDraft {
        let profile = try TencentGroupProfile(of: call, isNew: true)
        var id: String?
        if let own = try call.string("GroupId"), !own.isEmpty {
            guard IDRules.isGroupID(own) else { throw TencentError.groupIDInvalid }
            id = own
        }
        var draft = GroupDraft(id: id, name: profile.name ?? "")
        draft.profile = profile.json
        draft.owner = try call.string("Owner_Account").flatMap { $0.isEmpty ? nil : $0 }
        return draft
    }

    private func make(_ draft: GroupDraft, _ call: TencentCall) async throws -> TencentFields {
        do {
            let group = try await groups.create(draft, as: call.principal)
            let type = draft.profile.object?["Type"]
            return { writer in
                writer.member("GroupId", group.groupID)
                writer.member("Type", ifPresent: type)
            }
        } catch let error as GatewayError where error.code == .conflict {
            throw TencentError(10021, "This GroupId is in use.")
        } catch let error as GatewayError where error.code == .tooLarge {
            throw TencentError.groupFull
        }
    }

    @Sendable func modify(_ call: TencentCall) async throws -> TencentFields {
        let group = try await call.group(in: groups)
        let profile = try TencentGroupProfile(of: call, isNew: false, known: group.profile["AppDefinedData"])
        try await groups.edit(
            group.group, GroupEdit(name: profile.name, profile: profile.json), as: call.principal)
        return TencentCommand.nothing
    }

    /// The new owner is a member before: 10004 where not.
    @Sendable func changeOwner(_ call: TencentCall) async throws -> TencentFields {
        let group = try await call.group(in: groups)
        let owner = try call.requiredString("NewOwner_Account")
        do {
            try await groups.setOwner(owner, of: group.group, as: call.principal)
        } catch let error as GatewayError where error.code == .notAMember {
            throw TencentError(10004, error.detail)
        }
        return TencentCommand.nothing
    }

    @Sendable func destroy(_ call: TencentCall) async throws -> TencentFields {
        let group = try await call.group(in: groups)
        try await groups.delete(id: group.group.groupID, as: call.principal)
        return TencentCommand.nothing
    }
}

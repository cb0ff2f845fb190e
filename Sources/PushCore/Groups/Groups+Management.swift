/// Groups with owners, roles and profiles, for apps that bring their users' accounts along: unlike ``create(_:as:)``
/// nothing here makes an account. Scope `groups`.
extension Groups {
    // MARK: Making and ending

    /// Throws `conflict` when the id is taken, `recipient_not_found` for a user without an account, `too_large` for too
    /// many members.
    public func create(_ draft: GroupDraft, as principal: Principal) async throws -> Group {
        let identity = try principal.app(with: .groups)
        return try await store.createGroup(
            id: draft.id ?? ids.group(), draft, tenant: identity.tenant.key, membersMax: limits.groupMembersMax,
            at: clock.now, announcedBy: draft.isAnnounced ? identity : nil)
    }

    // MARK: Reading

    /// Each group by its id; nil where there is none.
    public func details(of ids: [String], as principal: Principal) async throws -> [GroupDetails?] {
        try await store.details(ofGroups: ids, tenant: try principal.app(with: .groups).tenant.key)
    }

    /// Throws `not_found`.
    public func details(of id: String, as principal: Principal) async throws -> GroupDetails {
        guard let found = try await details(of: [id], as: principal).first, let found else {
            throw GatewayError(.notFound, "There is no such group.")
        }
        return found
    }

    /// The ids of a tenant's groups in the order of their making.
    public func ids(
        type: String?, afterPlace place: Int, limit: Int, as principal: Principal
    ) async throws -> CountedPage<(place: Int, groupID: String)> {
        let identity = try principal.app(with: .groups)
        return try await store.groups(of: identity.tenant.key, type: type, afterPlace: place, limit: limit)
    }

    /// The groups that a user is in. Throws `recipient_not_found` for an unknown user.
    public func joined(
        by userID: String, type: String?, offset: Int, limit: Int, as principal: Principal
    ) async throws -> CountedPage<(group: GroupDetails, membership: GroupMembership)> {
        let identity = try principal.app(with: .groups)
        let found = try await store.groups(
            ofMember: userID, tenant: identity.tenant.key, type: type, offset: offset, limit: limit)
        guard let found else { throw GatewayError(.recipientNotFound, "There is no user \(userID).") }
        return found
    }

    public func memberships(
        of group: Group, roles: Set<GroupRole> = Set(GroupRole.allCases), offset: Int, limit: Int,
        as principal: Principal
    ) async throws -> CountedPage<GroupMembership> {
        _ = try principal.app(with: .groups)
        return try await store.memberships(of: group.key, roles: roles, offset: offset, limit: limit)
    }

    /// Those of the users who are in the group, by their userIds.
    public func memberships(
        of users: [String], in group: Group, as principal: Principal
    ) async throws -> [String: GroupMembership] {
        let identity = try principal.app(with: .groups)
        let found = try await store.memberships(of: users, in: group.key, tenant: identity.tenant.key)
        return Dictionary(found.map { ($0.userID, $0) }) { first, _ in first }
    }

    // MARK: Members

    /// One outcome for each, in their order. Throws `too_large` where the group would be larger than it may be.
    ///
    /// - Parameter isAnnounced: whether the members are told.
    public func join(
        _ members: [NewGroupMember], to group: Group, isAnnounced: Bool, as principal: Principal
    ) async throws -> [GroupJoining] {
        let identity = try principal.app(with: .groups)
        return try await store.join(
            members, to: group.key, tenant: identity.tenant.key, membersMax: limits.groupMembersMax, at: clock.now,
            announcedBy: isAnnounced ? identity : nil)
    }

    /// Who is not in the group is passed over.
    public func remove(
        _ users: [String], from group: Group, isAnnounced: Bool, as principal: Principal
    ) async throws {
        let identity = try principal.app(with: .groups)
        _ = try await store.removeMembers(
            users, from: group.key, tenant: identity.tenant.key, at: clock.now,
            announcedBy: isAnnounced ? identity : nil)
    }

    public func edit(_ group: Group, _ edit: GroupEdit, as principal: Principal) async throws {
        let identity = try principal.app(with: .groups)
        try await store.edit(
            group.key, edit, tenant: identity.tenant.key, at: clock.now, announcedBy: identity)
    }

    /// Throws `not_a_member`.
    public func edit(
        member userID: String, of group: Group, _ edit: GroupMembershipEdit, as principal: Principal
    ) async throws {
        let identity = try principal.app(with: .groups)
        try await store.edit(member: userID, of: group.key, edit, tenant: identity.tenant.key)
    }

    /// Throws `not_a_member`: the new owner is a member before.
    public func setOwner(_ userID: String, of group: Group, as principal: Principal) async throws {
        let identity = try principal.app(with: .groups)
        try await store.setOwner(userID, of: group.key, tenant: identity.tenant.key)
    }

    // MARK: Messages

    /// Messages of a group by their places, newest first. Scope `messages:read`.
    public func messages(
        of group: Group, fromPlace place: Int64, limit: Int, as principal: Principal
    ) async throws -> [GroupMessage] {
        _ = try principal.app(with: .messagesRead)
        return try await store.messages(of: group.key, fromPlace: place, limit: limit)
    }

    /// The id of the message in a place, and those of the messages that one call sent together with it to single
    /// members; none for a place that has no message.
    public func messageIDs(inPlace place: Int64, of group: Group, as principal: Principal) async throws -> [String] {
        _ = try principal.app(with: .groups)
        return try await store.messageIDs(inPlace: place, of: group.key)
    }

    /// The newest messages of a sender that still have their content, newest first.
    public func messageIDs(
        ofSender userID: String, in group: Group, limit: Int, as principal: Principal
    ) async throws -> [String] {
        let identity = try principal.app(with: .groups)
        return try await store.messageIDs(
            ofSender: userID, in: group.key, tenant: identity.tenant.key, limit: limit)
    }

    /// The place of a message in its group; nil where there is no such message.
    public func place(ofMessage id: String, as principal: Principal) async throws -> Int64? {
        try await store.place(ofMessage: id, tenant: try principal.app(with: .groups).tenant.key)
    }
}

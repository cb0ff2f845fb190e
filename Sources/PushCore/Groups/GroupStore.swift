public struct Group: Sendable {
    public let key: GroupKey
    public let groupID: String
    public let name: String
    public let memberCount: Int

    public init(key: GroupKey, groupID: String, name: String, memberCount: Int) {
        self.key = key
        self.groupID = groupID
        self.name = name
        self.memberCount = memberCount
    }

    public var json: RawJSON {
        .object { writer in
            writer.member("groupId", groupID)
            writer.member("name", name)
            writer.member("memberCount", memberCount)
        }
    }
}

public struct GroupMember: Sendable {
    public let userID: String
    public let account: String

    public init(userID: String, account: String) {
        self.userID = userID
        self.account = account
    }
}

/// Groups and who is in them when. Membership is kept as versions, so that a message knows who was in the group when it
/// was archived. Implemented by PushStorage.
///
/// A change that changes anything is told to all members and to those who left, in its own transaction, as event 260 in
/// the name of `app`; with nil nobody is told.
public protocol GroupStore: Sendable {
    /// Users without an account get one. Throws `conflict` when the id is taken.
    func createGroup(
        id: String, name: String, users: [String], tenant: TenantKey, at now: Milliseconds,
        announcedBy app: AppIdentity?
    ) async throws -> Group
    func group(id: String, tenant: TenantKey) async throws -> Group?
    func groups(of tenant: TenantKey, after groupID: String?, limit: Int) async throws -> [Group]
    func members(of group: GroupKey, after account: String?, limit: Int) async throws -> [GroupMember]
    /// Returns how many joined, and the new size. Throws `too_large` beyond `membersMax`.
    func addMembers(
        _ users: [String], to group: GroupKey, tenant: TenantKey, membersMax: Int, at now: Milliseconds,
        announcedBy app: AppIdentity?
    ) async throws -> (changed: Int, memberCount: Int)
    func removeMembers(
        _ users: [String], from group: GroupKey, tenant: TenantKey, at now: Milliseconds,
        announcedBy app: AppIdentity?
    ) async throws -> (changed: Int, memberCount: Int)
    /// What its members have of it stays. Does nothing where it was deleted before.
    func deleteGroup(_ group: GroupKey, at now: Milliseconds, announcedBy app: AppIdentity?) async throws

    // MARK: Groups of users who have accounts

    /// Throws `conflict` when the id is taken, `recipient_not_found` for a user without an account.
    func createGroup(
        id: String, _ draft: GroupDraft, tenant: TenantKey, membersMax: Int, at now: Milliseconds,
        announcedBy app: AppIdentity?
    ) async throws -> Group
    /// Each group by its id; nil where there is none.
    func details(ofGroups ids: [String], tenant: TenantKey) async throws -> [GroupDetails?]
    /// A tenant's groups in the order of their making. A group keeps its place when others go.
    ///
    /// - Parameters:
    ///   - type: only groups of this kind; nil = all.
    ///   - place: of the group that the page before ended with; 0 = from the first.
    func groups(
        of tenant: TenantKey, type: String?, afterPlace place: Int, limit: Int
    ) async throws -> CountedPage<(place: Int, groupID: String)>
    /// The groups that a user is in, in the order of their making; nil for an unknown user.
    func groups(
        ofMember userID: String, tenant: TenantKey, type: String?, offset: Int, limit: Int
    ) async throws -> CountedPage<(group: GroupDetails, membership: GroupMembership)>?
    /// Members by account.
    ///
    /// - Parameter roles: only those who are one of these.
    func memberships(
        of group: GroupKey, roles: Set<GroupRole>, offset: Int, limit: Int
    ) async throws -> CountedPage<GroupMembership>
    /// Those of the users who are in the group, in no order.
    func memberships(of users: [String], in group: GroupKey, tenant: TenantKey) async throws -> [GroupMembership]
    /// Makes no accounts. One outcome for each, in their order. Throws `too_large` beyond `membersMax`.
    func join(
        _ members: [NewGroupMember], to group: GroupKey, tenant: TenantKey, membersMax: Int, at now: Milliseconds,
        announcedBy app: AppIdentity?
    ) async throws -> [GroupJoining]
    /// Throws `not_found` where the group was deleted. Its members are told of a new name.
    func edit(
        _ group: GroupKey, _ edit: GroupEdit, tenant: TenantKey, at now: Milliseconds, announcedBy app: AppIdentity?
    ) async throws
    /// Throws `not_found` where the group was deleted, `not_a_member` for a user who is not in it.
    func edit(member userID: String, of group: GroupKey, _ edit: GroupMembershipEdit, tenant: TenantKey) async throws
    /// Throws `not_found` where the group was deleted, `not_a_member` for a user who is not in it.
    func setOwner(_ userID: String, of group: GroupKey, tenant: TenantKey) async throws

    // MARK: Messages by their place in the group

    /// From a place downwards, newest first. Every place has a message, also what was erased since.
    func messages(of group: GroupKey, fromPlace place: Int64, limit: Int) async throws -> [GroupMessage]
    /// The id of the message in a place, and those of the messages that one call sent together with it to single
    /// members.
    func messageIDs(inPlace place: Int64, of group: GroupKey) async throws -> [String]
    /// The newest messages of a sender that still have their content, newest first.
    func messageIDs(ofSender userID: String, in group: GroupKey, tenant: TenantKey, limit: Int) async throws -> [String]
    /// The place of a message in its group; nil where there is no such message.
    func place(ofMessage id: String, tenant: TenantKey) async throws -> Int64?
}

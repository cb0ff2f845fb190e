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
}

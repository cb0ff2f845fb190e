import PushCore
import Synchronization

/// Groups in memory; accounts of members are named after their users.
public final class MemoryGroupStore: GroupStore {
    private struct Row {
        let key: GroupKey
        let tenant: TenantKey
        let id: String
        let name: String
        var users: [String]

        var group: Group { Group(key: key, groupID: id, name: name, memberCount: users.count) }
    }

    private let rows = Mutex<[Row]>([])

    public init() {}

    public func createGroup(
        id: String, name: String, users: [String], tenant: TenantKey, at now: Milliseconds,
        announcedBy app: AppIdentity?
    ) async throws -> Group {
        try rows.withLock { rows in
            guard !rows.contains(where: { $0.id == id && $0.tenant == tenant }) else {
                throw GatewayError(.conflict, "There is a group \(id) already.")
            }
            let row = Row(
                key: GroupKey(rawValue: Int64(rows.count + 1)), tenant: tenant, id: id, name: name,
                users: Array(Set(users)))
            rows.append(row)
            return row.group
        }
    }

    public func group(id: String, tenant: TenantKey) async throws -> Group? {
        rows.withLock { $0.first { $0.id == id && $0.tenant == tenant }?.group }
    }

    public func groups(of tenant: TenantKey, after groupID: String?, limit: Int) async throws -> [Group] {
        rows.withLock { rows in
            let sorted = rows.filter { $0.tenant == tenant && $0.id > groupID ?? "" }.sorted { $0.id < $1.id }
            return sorted.prefix(limit).map(\.group)
        }
    }

    public func members(of group: GroupKey, after account: String?, limit: Int) async throws -> [GroupMember] {
        rows.withLock { rows in
            let users = rows.first { $0.key == group }?.users ?? []
            return users.sorted().map { GroupMember(userID: $0, account: "acct_\($0)") }
                .filter { $0.account > account ?? "" }.prefix(limit).map { $0 }
        }
    }

    public func addMembers(
        _ users: [String], to group: GroupKey, tenant: TenantKey, membersMax: Int, at now: Milliseconds,
        announcedBy app: AppIdentity?
    ) async throws -> (changed: Int, memberCount: Int) {
        change(group) { $0.append(contentsOf: Set(users).subtracting($0)) }
    }

    public func removeMembers(
        _ users: [String], from group: GroupKey, tenant: TenantKey, at now: Milliseconds,
        announcedBy app: AppIdentity?
    ) async throws -> (changed: Int, memberCount: Int) {
        change(group) { $0.removeAll(where: users.contains) }
    }

    public func deleteGroup(_ group: GroupKey, at now: Milliseconds, announcedBy app: AppIdentity?) async throws {
        rows.withLock { $0.removeAll { $0.key == group } }
    }

    private func change(_ group: GroupKey, _ body: (inout [String]) -> Void) -> (changed: Int, memberCount: Int) {
        rows.withLock { rows in
            guard let index = rows.firstIndex(where: { $0.key == group }) else { return (0, 0) }
            let before = rows[index].users.count
            body(&rows[index].users)
            return (abs(rows[index].users.count - before), rows[index].users.count)
        }
    }
}

/// What groups with owners, roles and profiles need is in the real store alone.
extension MemoryGroupStore {
    private static let missing = GatewayError(.internalError, "Groups in memory have no such thing.")

    public func createGroup(
        id: String, _ draft: GroupDraft, tenant: TenantKey, membersMax: Int, at now: Milliseconds,
        announcedBy app: AppIdentity?
    ) async throws -> Group { throw Self.missing }
    public func details(ofGroups ids: [String], tenant: TenantKey) async throws -> [GroupDetails?] {
        throw Self.missing
    }
    public func groups(
        of tenant: TenantKey, type: String?, afterPlace place: Int, limit: Int
    ) async throws -> CountedPage<(place: Int, groupID: String)> { throw Self.missing }
    public func groups(
        ofMember userID: String, tenant: TenantKey, type: String?, offset: Int, limit: Int
    ) async throws -> CountedPage<(group: GroupDetails, membership: GroupMembership)>? { throw Self.missing }
    public func memberships(
        of group: GroupKey, roles: Set<GroupRole>, offset: Int, limit: Int
    ) async throws -> CountedPage<GroupMembership> { throw Self.missing }
    public func memberships(
        of users: [String], in group: GroupKey, tenant: TenantKey
    ) async throws -> [GroupMembership] { throw Self.missing }
    public func join(
        _ members: [NewGroupMember], to group: GroupKey, tenant: TenantKey, membersMax: Int, at now: Milliseconds,
        announcedBy app: AppIdentity?
    ) async throws -> [GroupJoining] { throw Self.missing }
    public func edit(
        _ group: GroupKey, _ edit: GroupEdit, tenant: TenantKey, at now: Milliseconds, announcedBy app: AppIdentity?
    ) async throws { throw Self.missing }
    public func edit(
        member userID: String, of group: GroupKey, _ edit: GroupMembershipEdit, tenant: TenantKey
    ) async throws { throw Self.missing }
    public func setOwner(_ userID: String, of group: GroupKey, tenant: TenantKey) async throws { throw Self.missing }
    public func messages(of group: GroupKey, fromPlace place: Int64, limit: Int) async throws -> [GroupMessage] {
        throw Self.missing
    }
    public func messageIDs(inPlace place: Int64, of group: GroupKey) async throws -> [String] { throw Self.missing }
    public func messageIDs(
        ofSender userID: String, in group: GroupKey, tenant: TenantKey, limit: Int
    ) async throws -> [String] { throw Self.missing }
    public func place(ofMessage id: String, tenant: TenantKey) async throws -> Int64? { throw Self.missing }
}

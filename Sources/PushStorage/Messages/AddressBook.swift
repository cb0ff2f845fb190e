import GRDB
import PushCore

/// Finds whom a message is from and for, in the state of one transaction.
struct AddressBook {
    let db: Database
    let tenant: TenantKey
    /// The writer's; readers look everything up.
    let cache: AccountCache?

    /// The sender of a message.
    struct Sender {
        /// nil when the app sends in its own name.
        let account: AccountRef?
        let name: String
        let app: AppKey?
        let device: DeviceKey?
    }

    enum Receivers {
        case account(AccountRef)
        case group(GroupRow, target: AccountRef?)
        case audience(accounts: [AccountRef], groups: [GroupRow], unknown: [String])
        /// Everyone with some tags, a job.
        case tagged(TagAudience)
        /// Everyone of the tenant, on its broadcast channel.
        case everyone
    }

    func sender(of message: Message, principal: Principal) throws -> Sender {
        switch principal {
        case .device(let device):
            return Sender(account: device.account, name: device.account.id, app: nil, device: device.key)
        case .app(let identity):
            guard let from = message.from, from != identity.app.appID else {
                return Sender(account: nil, name: identity.app.appID, app: identity.app.key, device: nil)
            }
            guard let account = try account(named: from) else { throw Self.unknown("/from", from) }
            return Sender(account: account, name: account.id, app: identity.app.key, device: nil)
        }
    }

    /// - Parameter inHistory: who wrote in a group or was written to in it may have left it since.
    func receivers(of message: Message, sender: Sender, inHistory: Bool = false) throws -> Receivers {
        switch message.destination {
        case .audience(let audience): return try receivers(of: audience)
        case .to(let name, let target):
            if Self.isAccountName(name) {
                if target != nil { throw GatewayError.invalid("/target", "Only a message to a group has a target.") }
                guard let account = try account(named: name) else { throw Self.unknown("/to", name) }
                return .account(account)
            }
            guard let group = try group(named: name) else { throw Self.unknown("/to", name) }
            if !inHistory, let account = sender.account, try !GroupRow.isMember(db, account.key, of: group.key) {
                throw GatewayError(.notAMember, "The sender is not a member of this group.")
            }
            guard let target else { return .group(group, target: nil) }
            guard let member = try account(named: target),
                try inHistory || GroupRow.isMember(db, member.key, of: group.key)
            else { throw Self.unknown("/target", target) }
            return .group(group, target: member)
        }
    }

    private func receivers(of audience: Audience) throws -> Receivers {
        if audience.isEveryone { return .everyone }
        var accounts: [AccountRef] = []
        var seen: Set<AccountKey> = []
        var groups: [GroupRow] = []
        var unknown: [String] = []
        for name in audience.users.map({ "user:" + $0 }) + audience.accounts {
            guard let account = try account(named: name) else {
                unknown.append(name.hasPrefix("user:") ? String(name.dropFirst(5)) : name)
                continue
            }
            if seen.insert(account.key).inserted { accounts.append(account) }
        }
        for name in Set(audience.groups).sorted() {
            if let group = try group(named: name) { groups.append(group) } else { unknown.append(name) }
        }
        if let rule = audience.tags {
            let tagged = try TagAudience(
                rule, accounts: accounts, groups: groups,
                listsPeople: !(audience.users.isEmpty && audience.accounts.isEmpty && audience.groups.isEmpty),
                unknown: unknown, tag: tag)
            guard tagged.isAnyNameKnown || audience.mayBeNobody else {
                throw Self.unknown("/audience", tagged.unknown.joined(separator: ", "))
            }
            return .tagged(tagged)
        }
        if accounts.isEmpty, groups.isEmpty { throw Self.unknown("/audience", unknown.joined(separator: ", ")) }
        return .audience(accounts: accounts, groups: groups, unknown: unknown)
    }

    static func isAccountName(_ name: String) -> Bool { name.hasPrefix("user:") || name.hasPrefix("acct_") }

    /// The account behind `user:{userId}` or an account id of this tenant.
    func account(named name: String) throws -> AccountRef? {
        if name.hasPrefix("user:") {
            let userID = String(name.dropFirst(5))
            if let known = cache?.account(tenant: tenant, userID: userID) { return known }
            guard let row = try AccountRows.find(db, tenant: tenant, userID: userID) else { return nil }
            cache?.put(row)
            return row.ref
        }
        guard name.hasPrefix("acct_") else { return nil }
        if let known = cache?.account(id: name) { return known.tenant == tenant ? known.ref : nil }
        guard let row = try AccountRows.find(db, id: name) else { return nil }
        cache?.put(row)
        return row.tenant == tenant ? row.ref : nil
    }

    private func group(named name: String) throws -> GroupRow? {
        guard IDRules.isGroupID(name) else { return nil }
        return try GroupRow.find(db, id: name, tenant: tenant)
    }

    private func tag(named name: String) throws -> TagAudience.Tag? {
        try Row.fetchOne(
            db.cachedStatement(sql: "SELECT key, version FROM tag WHERE tenant = ? AND name = ?"),
            arguments: [tenant.rawValue, name]
        ).map { TagAudience.Tag(key: $0[0], version: $0[1]) }
    }

    /// What a name is in a digest: the account where there is one, so that both of a person's names are the same.
    func canonicalName(_ name: String) throws -> String { try account(named: name)?.id ?? name }

    static func unknown(_ pointer: String, _ name: String) -> GatewayError {
        let detail = "Nobody is known by the name \(name)."
        return GatewayError(.recipientNotFound, detail, errors: [.init(pointer: pointer, detail: detail)])
    }
}

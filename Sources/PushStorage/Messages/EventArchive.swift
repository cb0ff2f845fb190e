import GRDB
import PushCore

/// Puts events into the archive, in the transaction of what they tell of.
struct EventArchive {
    let writer: Writer
    let ids: IDGenerator
    let tenant: Tenant
    let now: Milliseconds

    /// Who did what an event tells of.
    struct Actor {
        /// An account id or an appId.
        let name: String
        var account: AccountKey?
        var app: AppKey?
    }

    /// Archives an event with an entry for each account. At most a page of accounts: larger audiences are expanded
    /// (``Expansion``) or follow the message that the event is about (``FollowUps``).
    ///
    /// - Parameter group: the event is in a group: its copies are from the group, with the actor as `target`.
    @discardableResult
    func archive(
        _ event: GatewayEvent, by actor: Actor, in group: (key: GroupKey, id: String)? = nil, to accounts: [Int64]
    ) throws -> ArchivedMessage {
        let first = writer.log.last + Int64(writer.transaction.entries.count) + 1
        let message = try insert(
            event, by: actor, in: group, recipients: accounts.count, first: accounts.isEmpty ? nil : first,
            last: accounts.isEmpty ? nil : first + Int64(accounts.count) - 1)
        writer.announce(message, try writer.append(message.key, Self.copies(for: accounts)))
        return message
    }

    /// The entries of an event.
    static func copies(for accounts: [Int64]) -> [Writer.Copy] {
        accounts.map { Writer.Copy(account: $0, flags: .uncounted, peer: .none) }
    }

    /// Archives an event without any entry yet.
    ///
    /// - Parameters:
    ///   - version: the group's version whose members get it by expansion.
    ///   - recipients: how many get it; nil while that is not known.
    func insert(
        _ event: GatewayEvent, by actor: Actor, in group: (key: GroupKey, id: String)? = nil, version: Int64? = nil,
        to name: String = "", recipients: Int?, first: Int64? = nil, last: Int64? = nil
    ) throws -> ArchivedMessage {
        let key = writer.nextMessageKey()
        let serverTime = writer.serverTime(now)
        let form: AddressForm = group == nil ? .audience : .group
        let message = ArchivedMessage(
            key: key, tenantKey: tenant.key, tenantNo: tenant.tenantNo, id: ids.message(at: serverTime),
            form: group == nil && name == MessageRows.everyone ? .broadcast : form, from: actor.name,
            to: group?.id ?? name, target: nil, type: event.type, content: event.content, timestamp: serverTime,
            isBackground: true, serverTime: serverTime, revision: 0, timeToLiveSeconds: nil, state: .live,
            push: .standard, senderAccount: actor.account, senderApp: actor.app, groupKey: group?.key)
        let insert = try writer.statement(
            """
            INSERT INTO message (key, tenant, id, form, from_id, to_id, sender_account, sender_app, group_key,
                group_version, type, content, timestamp, server_time, is_background, counts_unread, syncs_to_sender,
                digest, recipients, first_position, last_position)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 0, 0, zeroblob(32), ?, ?, ?)
            """)
        insert.bind(1, key.rawValue)
        insert.bind(2, tenant.key.rawValue)
        insert.bind(3, message.id)
        insert.bind(4, Int64(form.rawValue))
        insert.bind(5, message.from)
        insert.bind(6, message.to)
        insert.bind(7, actor.account?.rawValue)
        insert.bind(8, actor.app?.rawValue)
        insert.bind(9, group?.key.rawValue)
        insert.bind(10, group == nil ? nil : version ?? 0)
        insert.bind(11, Int64(event.type.rawValue))
        insert.bind(12, event.content.bytes)
        insert.bind(13, serverTime)
        insert.bind(14, serverTime)
        insert.bind(15, recipients.map(Int64.init))
        insert.bind(16, first)
        insert.bind(17, last)
        try insert.run()
        return message
    }
}

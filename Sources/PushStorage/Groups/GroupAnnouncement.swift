import Foundation
import GRDB
import PushCore

/// Tells the members of a group of a change (event 260), in the transaction of the change.
///
/// Small groups get their entries at once, in the order of account keys. Larger ones, and groups with messages that are
/// still being expanded, get them by expansion, behind those messages. Nobody wakes it for an event: it looks by itself
/// every second, and in between further joins are gathered.
struct GroupAnnouncement {
    let writer: Writer
    let ids: IDGenerator
    let limits: Limits
    let app: AppIdentity
    let now: Milliseconds

    private var db: Database { writer.db }

    /// Accounts named in one event at most; beyond it the event is `cut`.
    static let namesMax = 500

    /// A group as the change left it, with those whom the event goes to.
    struct Audience {
        let group: GroupKey
        let groupID: String
        /// The version whose members are told: after a leaving the one before, which has those who left.
        let version: Int64
        /// How many there are.
        let count: Int
    }

    /// - Parameter members: whom the change is about.
    func announce(_ change: GatewayEvent.GroupChange, of members: [AccountRef], to audience: Audience) throws {
        guard audience.count > 0 else { return }
        let isExpanded =
            try audience.count > limits.expansionPageAccounts
            || Expansion(writer: writer, limits: limits).isPending(audience.group)
        if isExpanded, change == .joined, try extendWaiting(with: members, audience) { return }
        let names = members.prefix(Self.namesMax).map(\.id)
        let event = GatewayEvent.groupChanged(
            groupID: audience.groupID, change: change, members: names, isCut: members.count > names.count)
        let archive = EventArchive(writer: writer, ids: ids, tenant: app.tenant, now: now)
        let actor = EventArchive.Actor(name: app.app.appID, account: nil, app: app.app.key)
        let group = (key: audience.group, id: audience.groupID)
        if isExpanded {
            let message = try archive.insert(event, by: actor, in: group, version: audience.version, recipients: nil)
            try Expansion(writer: writer, limits: limits).begin(message.key)
        } else {
            let accounts = try GroupRow.members(
                db, of: audience.group, version: audience.version, after: 0, limit: audience.count)
            try archive.archive(event, by: actor, in: group, to: accounts)
        }
    }

    /// Takes further joins into the group's newest event where that is a `joined` whose expansion has not begun: a
    /// group that is filled call by call would otherwise tell everybody of every call.
    private func extendWaiting(with members: [AccountRef], _ audience: Audience) throws -> Bool {
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT m.key, m.type, m.content, m.sender_app, x.after_account FROM expansion x
                    JOIN message m ON m.key = x.message WHERE m.group_key = ? ORDER BY x.message DESC LIMIT 1
                    """),
            arguments: [audience.group.rawValue])
        guard let row, row[1] == GatewayEvent.groupChangedType, row[3] == app.app.key.rawValue, row[4] == 0,
            let content = (row[2] as Data?).flatMap({ RawJSON(archived: [UInt8]($0)).object }),
            content["change"]?.string == GatewayEvent.GroupChange.joined.rawValue
        else { return false }
        var names = (content["members"]?.array ?? []).compactMap(\.string)
        let known = Set(names)
        let further = members.map(\.id).filter { !known.contains($0) }
        let isCut = content["cut"]?.bool == true || names.count + further.count > Self.namesMax
        names += further.prefix(max(0, Self.namesMax - names.count))
        let event = GatewayEvent.groupChanged(
            groupID: audience.groupID, change: .joined, members: names, isCut: isCut)
        try db.execute(
            sql: "UPDATE message SET content = ?, group_version = ? WHERE key = ?",
            arguments: [Data(event.content.bytes), audience.version, row[0] as Int64])
        return true
    }
}

import Foundation
import GRDB
import PushCore

/// Finds the first of messages that were sent twice under ids of the gateway's making, by the numbers their sender gave
/// them.
struct MessageRepeats {
    let db: Database
    let tenant: Tenant

    /// Seconds that the time of an alias may be before that of archiving: its sender was waiting for an answer of the
    /// tenant's service.
    private static let aliasLagSecondsMax: Int64 = 60

    /// The time bounds it: some clients send one random number with everything.
    static let sql = """
        SELECT key, recipients, own_seq, EXISTS (SELECT 1 FROM job WHERE job.message = message.key)
        FROM message INDEXED BY message_alias
        WHERE tenant = ?1 AND msg_random = ?2 AND msg_random IS NOT NULL AND (?3 IS NULL OR msg_seq = ?3)
            AND digest = ?4 AND sender_account IS ?5 AND sender_app IS ?6 AND is_imported = 0
            AND server_time > ?7 AND msg_time >= ?8 AND group_key IS ?9
        ORDER BY key DESC LIMIT 1
        """

    /// The first answer where the same sender sent the same with the same numbers a moment ago. A group that was made
    /// anew under the name of another is not the same receiver.
    func first(
        of numbers: SendOptions.Numbers, _ digest: MessageDigest, _ sender: AddressBook.Sender,
        to receivers: AddressBook.Receivers, at now: Milliseconds
    ) throws -> Acceptance? {
        guard numbers.recognizedFor > 0 else { return nil }
        let since = now - numbers.recognizedFor
        let row = try Row.fetchOne(
            db.cachedStatement(sql: Self.sql),
            arguments: [
                tenant.key.rawValue, Int64(numbers.random), numbers.sequence.map { Int64($0) }, Data(digest.bytes),
                sender.account?.key.rawValue, sender.app?.rawValue, since,
                min(since / 1000, numbers.seconds ?? .max) - Self.aliasLagSecondsMax, receivers.group?.key.rawValue,
            ])
        guard let row,
            let first = try MessageRows.message(
                db, key: MessageKey(rawValue: row[0]), tenantNo: { _ in tenant.tenantNo })
        else { return nil }
        return Acceptance(
            id: first.id, serverTime: first.serverTime, recipients: row[1], isDuplicate: true, ownSeq: row[2],
            isJob: row[3], numbers: first.numbers, aliases: MessageAliases(of: first), groupSeq: first.groupSeq)
    }
}

extension MessageQuestion {
    /// What would be archived of a message whose sender and receivers are known.
    init(
        _ db: Database, _ message: Message, tenant: Tenant, sender: AddressBook.Sender,
        receivers: AddressBook.Receivers, digest: MessageDigest, now: Milliseconds
    ) throws {
        func user(_ account: AccountRef?) throws -> String? {
            guard let account else { return nil }
            return try String.fetchOne(
                db.cachedStatement(sql: "SELECT user_id FROM account WHERE key = ?"), arguments: [account.key.rawValue])
        }
        let address = receivers.address(digest)
        var receiver: AccountRef?
        switch receivers {
        case .account(let account): receiver = account
        case .group(_, let target): receiver = target
        case .audience, .tagged, .everyone: break
        }
        let groupType = try receivers.group.flatMap { group in
            try String.fetchOne(
                db.cachedStatement(sql: "SELECT profile ->> 'Type' FROM user_group WHERE key = ?"),
                arguments: [group.key.rawValue])
        }
        self.init(
            message: ArchivedMessage(
                key: MessageKey(rawValue: 0), tenantKey: tenant.key, tenantNo: tenant.tenantNo, id: message.id,
                form: address.form, from: sender.name, to: address.to, target: address.target, type: message.type,
                content: message.content, timestamp: message.timestamp, isBackground: message.isBackground,
                serverTime: now, revision: 0, timeToLiveSeconds: message.timeToLiveSeconds, state: .live,
                push: message.push, senderAccount: sender.account?.key, senderApp: sender.app,
                groupKey: receivers.group?.key,
                numbers: message.options.numbers.map {
                    MessageNumbers(
                        sequence: $0.sequence ?? $0.reserved ?? 0, random: $0.random,
                        seconds: $0.seconds ?? $0.asked ?? now / 1000)
                }),
            sender: try user(sender.account), receiver: try user(receiver), groupType: groupType)
    }
}

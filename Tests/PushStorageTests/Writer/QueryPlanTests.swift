import GRDB
import PushCore
import Testing

@testable import PushStorage

@Suite struct QueryPlanTests {
    @Test(arguments: [
        "SELECT max(seq) FROM inbox WHERE account = 1",
        "SELECT position FROM inbox WHERE account = 1 AND seq > 1 AND seq < 9 ORDER BY seq LIMIT 5",
        MessageRows.inboxSQL.replacing("?", with: "1"), MessageRows.byKeySQL.replacing("?", with: "1"),
        "SELECT position FROM entry WHERE position > 1 ORDER BY position LIMIT 5",
        "SELECT digest FROM message WHERE tenant = 1 AND id = 'a'",
        "SELECT key FROM account WHERE tenant = 1 AND user_id = 'a'",
        "SELECT key FROM account WHERE account_id = 'a'",
        "SELECT key FROM device WHERE account = 1 AND status = 'active' ORDER BY key",
        "SELECT key FROM device WHERE tenant = 1 AND unique_code = 'a' AND status = 'active'",
        "SELECT device_id FROM device WHERE ended_at IS NOT NULL AND ended_at > 1 AND device_id > 'a' ORDER BY device_id LIMIT 5",
        "SELECT key FROM push_token WHERE device = 1 AND state = 'live' ORDER BY position",
        "SELECT key FROM push_token WHERE tenant = 1 AND vendor = 'a' AND token = 'b' AND state = 'live'",
        "SELECT key FROM push_token WHERE tenant = 1 AND vendor = 'a' AND token = 'b' AND state <> 'live'",
        "SELECT at FROM push_receipt WHERE push = 1",
        "SELECT seq FROM acknowledgement WHERE device = 1 ORDER BY seq DESC LIMIT 1",
        "SELECT key FROM push WHERE state = 'waiting' AND lane = 1 AND class = 0 AND not_before <= 1 ORDER BY not_before LIMIT 5",
        "SELECT key, lane FROM push WHERE state = 'waiting' AND expires_at <= 1 AND is_leased = 0 ORDER BY expires_at LIMIT 5",
        "UPDATE push SET is_leased = 1, not_before = 2 WHERE key = 1",
        PushClaims.anyExpiredSQL.replacing("?", with: "1"), PushSubjects.jobsSQL.replacing("?", with: "'[1]'"),
        DeviceRows.byKeysSQL.replacing("?", with: "'[1]'"),
        "SELECT min(not_before) FROM push WHERE lane = 1 AND class = 0 AND state = 'waiting'",
        "UPDATE push SET is_leased = 0 WHERE state = 'waiting' AND is_leased = 1",
        "UPDATE push SET state = 'skipped', reason = 'read' WHERE device = 1 AND state = 'waiting' AND seq <= 1",
        "SELECT account FROM group_member WHERE group_key = 1 AND left_version IS NULL ORDER BY account LIMIT 5",
        """
        SELECT account FROM group_member WHERE group_key = 1 AND account > 1 AND joined_version <= 1
        AND (left_version IS NULL OR left_version > 1) ORDER BY account LIMIT 5
        """,
        """
        SELECT 1 FROM message m JOIN imported i ON i.account = 2 AND i.server_time = m.server_time AND i.message = m.key
        WHERE m.key = 1 AND m.is_imported = 1
        """,
        "SELECT max(seq) FROM broadcast WHERE tenant = 1",
        "SELECT min(seq) FROM broadcast WHERE message = 1",
        "SELECT count(*) FROM broadcast_cursor WHERE tenant = 1 AND seq >= 5 AND device <= 9",
        "SELECT key FROM device WHERE tenant = 1 AND status = 'active' AND key > 1 AND key <= 9 ORDER BY key LIMIT 5",
        "SELECT key FROM account WHERE tenant = 1 AND key > 1 AND key <= 9 ORDER BY key LIMIT 5",
        "SELECT message FROM job WHERE phase < 2 AND state <> 'paused' AND not_before <= 1 ORDER BY not_before LIMIT 5",
        "SELECT key FROM push WHERE message = 1 AND device > 1 ORDER BY device LIMIT 5",
        "SELECT DISTINCT account FROM tag_member WHERE tag = 1 AND account > 1 AND joined_version <= 1 ORDER BY account LIMIT 5",
        """
        UPDATE push SET state = 'skipped', reason = 'read' WHERE device = 1 AND state = 'waiting' AND seq = 0
        AND EXISTS (SELECT 1 FROM broadcast b WHERE b.message = push.message AND b.tenant = 1 AND b.seq <= 1)
        """,
        "SELECT at FROM dispatch_time WHERE position >= 1 ORDER BY position LIMIT 1",
        "SELECT key FROM tag WHERE tenant = 1 AND name > 'a' ORDER BY name LIMIT 5",
        "SELECT tag FROM tag_member WHERE account = 1 AND left_version IS NULL",
        "SELECT seq, message FROM inbox WHERE account = 1 ORDER BY seq LIMIT 5",
        "SELECT key FROM message WHERE sender_account = 1 AND syncs_to_sender = 0 AND key > 1 ORDER BY key LIMIT 5",
        "SELECT key FROM push_token WHERE tenant = 1 AND vendor = 'a' AND token = 'b' AND state <> 'live'",
        "SELECT key FROM push_token WHERE state = 'dead' AND (ended_at, key) < (9, 9) ORDER BY ended_at DESC, key DESC LIMIT 5",
        "SELECT key FROM push WHERE device = 1 AND reason = 'token_dead' AND state IN ('failed', 'skipped') AND updated_at >= 1",
        "SELECT used FROM device_push_usage WHERE device = 1 AND vendor = 'a' AND day = 1",
        "SELECT device FROM device_push_usage WHERE day < 5 LIMIT 5",
        "SELECT used FROM push_usage WHERE day >= 5",
        "SELECT at FROM audit WHERE key < 9 ORDER BY key DESC LIMIT 5",
    ])
    func `is a search in an index, not a walk`(_ sql: String) async throws {
        let store = try await TestStore()
        let plan = try await store.storage.file.read { db in
            try Row.fetchAll(db, sql: "EXPLAIN QUERY PLAN \(sql)").map { $0["detail"] as String }
        }
        #expect(plan.contains { $0.hasPrefix("SEARCH") }, "\(plan)")
        #expect(!plan.contains { $0.hasPrefix("USE TEMP B-TREE") }, "\(plan)")
    }

    @Test func `a repeat is looked for among what was sent of late`() async throws {
        let store = try await TestStore()
        let sql = (1...9).reduce(MessageRepeats.sql) { $0.replacing("?\($1)", with: "\($1)") }
        let plan = try await store.storage.file.read { db in
            try Row.fetchAll(db, sql: "EXPLAIN QUERY PLAN \(sql)").map { $0["detail"] as String }
        }
        #expect(plan.first?.contains("(tenant=? AND msg_random=? AND msg_time>?)") == true, "\(plan)")
    }
}

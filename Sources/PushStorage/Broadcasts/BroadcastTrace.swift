import GRDB
import PushCore

extension MessageTrace {
    /// The devices of a broadcast for which a push was queued; why the others were not pushed is counted
    /// (``JobCounts``), and who has it is told by the broadcast cursors together.
    func broadcastDevices() throws -> [DeviceTrace] {
        let place = try Row.fetchOne(
            db, sql: "SELECT seq, published_at FROM broadcast WHERE message = ? ORDER BY seq LIMIT 1",
            arguments: [message.key.rawValue])
        guard let place else { return [] }
        let seq: Int64 = place[0]
        var stages = [DeviceTrace.Stage(stage: "archived", at: message.serverTime)]
        if let at = place[1] as Milliseconds? { stages.append(.init(stage: "published", at: at)) }
        let pushes = try Row.fetchAll(
            db,
            sql: """
                SELECT p.*, a.account_id, a.user_id, d.device_id, d.os_type, d.status, c.seq AS stored, c.at AS stored_at
                FROM push p JOIN device d ON d.key = p.device JOIN account a ON a.key = d.account
                    LEFT JOIN broadcast_cursor c ON c.device = d.key
                WHERE p.message = ? AND p.turn = 0 ORDER BY p.device LIMIT ?
                """,
            arguments: [message.key.rawValue, Self.devicesMax])
        return try pushes.map { push in
            let isAcknowledged = (push["stored"] as Int64?).map { $0 >= seq } ?? false
            var all = try stages + pushStages(push)
            if isAcknowledged {
                // Only the last time is kept: of a cursor that has moved on since, it is another's.
                all.append(.init(stage: "acknowledged", at: push["stored"] == seq ? push["stored_at"] : nil))
            }
            let (outcome, reason) = outcome(
                isAcknowledged: isAcknowledged, isOwn: false, isActive: push["status"] == "active", push: push)
            return DeviceTrace(
                account: push["account_id"], userID: push["user_id"], deviceID: push["device_id"],
                osType: OSType(rawValue: push["os_type"]), outcome: outcome, reason: reason, stages: inOrder(all),
                waiting: outcome == "waiting" ? waiting(push) : nil)
        }
    }
}

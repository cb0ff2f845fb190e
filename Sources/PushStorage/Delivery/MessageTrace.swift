import GRDB
import PushCore

/// What is known of a message's way to every device, out of the log, the dispatch journal, the acknowledgements and
/// the push rows.
struct MessageTrace {
    let db: Database
    let message: ArchivedMessage

    /// Devices shown at most; a larger audience is cut there.
    static let devicesMax = 1000

    func devices() throws -> [DeviceTrace] {
        if message.form == .broadcast { return try broadcastDevices() }
        let dispatched = try Int64.fetchOne(db, sql: "SELECT dispatched FROM mark WHERE id = 1") ?? 0
        let entries = try Row.fetchCursor(
            db,
            sql: """
                WITH span (first, last) AS (
                    SELECT first_position, last_position FROM message WHERE key = ?1
                    UNION ALL
                    SELECT first_position, last_position FROM expansion_page WHERE message = ?1)
                SELECT e.position, e.account, e.seq, e.message, e.flags, e.peer FROM span
                JOIN entry e ON e.position BETWEEN span.first AND span.last
                WHERE e.message = ?1 ORDER BY e.position LIMIT ?2
                """,
            arguments: [message.key.rawValue, Self.devicesMax])
        var traces: [DeviceTrace] = []
        while let row = try entries.next(), traces.count < Self.devicesMax {
            let entry = InboxEntry(row)
            let publishedAt = entry.position <= dispatched ? try DispatchJournal.publishedAt(db, entry.position) : nil
            traces += try devices(of: entry, isPublished: entry.position <= dispatched, publishedAt: publishedAt)
        }
        return Array(traces.prefix(Self.devicesMax))
    }

    /// One trace per device that was active when the message was archived; one without a device where there was none.
    private func devices(
        of entry: InboxEntry, isPublished: Bool, publishedAt: Milliseconds?
    ) throws -> [DeviceTrace] {
        let account = try Row.fetchOne(
            db.cachedStatement(sql: "SELECT account_id, user_id FROM account WHERE key = ? AND deleted_at IS NULL"),
            arguments: [entry.account.rawValue])
        guard let account else { return [] }
        var stages = [DeviceTrace.Stage(stage: "archived", at: message.serverTime)]
        if isPublished {
            stages.append(.init(stage: "published", at: publishedAt.map { max($0, message.serverTime) }))
        }
        if !entry.flags.contains(.own),
            let readAt = try ReadCursors.readAt(db, by: entry.account, entry.peer, seq: entry.seq)
        {
            stages.append(.init(stage: "read", at: CursorJournal.time(readAt, of: message)))
        }
        let devices = try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT key, device_id, os_type, status FROM device
                    WHERE account = ?1 AND start_seq < ?2 AND (ended_at IS NULL OR ended_at > ?3) ORDER BY key
                    """),
            arguments: [entry.account.rawValue, entry.seq, message.serverTime])
        if devices.isEmpty {
            return [
                DeviceTrace(
                    account: account[0], userID: account[1], deviceID: nil, osType: nil, outcome: "waiting",
                    reason: entry.flags.contains(.own) ? "own" : "waiting", stages: stages)
            ]
        }
        return try devices.map { device in
            let pushes = try pushes(of: device[0])
            let push = pushes.first { $0["turn"] == 0 }
            let acknowledgedAt = try acknowledgement(of: device[0], seq: entry.seq)
            var all = stages.map { stage in
                // The mark that tells of publishing is up to a second late: what was stored had been published before.
                guard stage.stage == "published", let at = stage.at, let acknowledgedAt else { return stage }
                return DeviceTrace.Stage(stage: stage.stage, at: min(at, acknowledgedAt))
            }
            for push in pushes { all += try pushStages(push) }
            if let acknowledgedAt {
                all.append(.init(stage: "acknowledged", at: CursorJournal.time(acknowledgedAt, of: message)))
            }
            let ordered = inOrder(all)
            let (outcome, reason) = outcome(
                isAcknowledged: acknowledgedAt != nil, isOwn: entry.flags.contains(.own),
                isActive: device[3] == "active", push: push)
            return DeviceTrace(
                account: account[0], userID: account[1], deviceID: device[1], osType: OSType(rawValue: device[2]),
                outcome: outcome, reason: reason, stages: ordered,
                waiting: outcome == "waiting" ? push.flatMap(waiting) : nil)
        }
    }

    /// Stages in the order in which they happened. Of those without a time `read` is the last, others stay where they
    /// are.
    func inOrder(_ stages: [DeviceTrace.Stage]) -> [DeviceTrace.Stage] {
        func place(_ stage: DeviceTrace.Stage) -> Milliseconds {
            stage.at ?? (stage.stage == "read" ? .max : message.serverTime)
        }
        return stages.enumerated().sorted { left, right in
            (place(left.element), left.offset) < (place(right.element), right.offset)
        }.map(\.element)
    }

    func outcome(isAcknowledged: Bool, isOwn: Bool, isActive: Bool, push: Row?) -> (String, String?) {
        if isAcknowledged { return ("acknowledged", nil) }
        if isOwn { return ("not_pushed", SkipReason.own.rawValue) }
        switch push?["state"] as String? {
        case "accepted": return ("pushed", nil)
        case "waiting": return ("waiting", SkipReason.waiting.rawValue)
        case "failed", "skipped": return ("not_pushed", push?["reason"])
        default:
            if message.type.isEvent { return ("not_pushed", SkipReason.event.rawValue) }
            return isActive
                ? ("waiting", SkipReason.waiting.rawValue) : ("not_pushed", SkipReason.deregistered.rawValue)
        }
    }

    /// The push as its vendor's queue has it; nil when it waits for no vendor.
    func waiting(_ push: Row) -> DeviceTrace.Waiting? {
        guard push["state"] == "waiting", let lane = push["lane"] as Int64? else { return nil }
        let isLeased: Bool = push["is_leased"]
        return DeviceTrace.Waiting(
            lane: lane, vendor: (push["vendor"] as String?).flatMap(Vendor.init), attempts: push["attempts"],
            nextTryAt: push["not_before"], isUnderWay: isLeased)
    }

    private func acknowledgement(of device: Int64, seq: Int64) throws -> Milliseconds? {
        try Int64.fetchOne(
            db.cachedStatement(
                sql: "SELECT at FROM acknowledgement WHERE device = ? AND seq >= ? ORDER BY seq LIMIT 1"),
            arguments: [device, seq])
    }

    /// The notification, and what replaced it.
    private func pushes(of device: Int64) throws -> [Row] {
        try Row.fetchAll(
            db.cachedStatement(sql: "SELECT * FROM push WHERE message = ? AND device = ? ORDER BY turn"),
            arguments: [message.key.rawValue, device])
    }

    func pushStages(_ push: Row) throws -> [DeviceTrace.Stage] {
        let vendor = (push["vendor"] as String?).flatMap(Vendor.init)
        var stages: [DeviceTrace.Stage] = []
        let events = try Row.fetchAll(
            db.cachedStatement(
                sql: "SELECT at, vendor, vendor_id, detail, stage FROM push_event WHERE push = ? ORDER BY number"),
            arguments: [push["key"] as Int64])
        if push["lane"] as Int64? != nil {
            // The row has the vendor of the token it is with now; it began with that of the first try.
            let first = events.first.flatMap { Vendor(rawValue: $0[1]) } ?? vendor
            stages.append(.init(stage: "push_queued", at: push["created_at"], vendor: first))
        }
        for event in events {
            stages.append(
                .init(
                    stage: event[4] == "push_accepted" ? "push_accepted" : "push_failed", at: event[0],
                    vendor: Vendor(rawValue: event[1]), vendorID: event[2], detail: event[3],
                    code: (event[3] as String?).map(Self.code(in:))))
        }
        let at: Milliseconds = push["updated_at"]
        switch push["state"] as String {
        case "accepted":
            stages.append(.init(stage: "push_accepted", at: at, vendor: vendor, vendorID: push["vendor_id"]))
        case "failed":
            let code: String? = push["code"]
            let text: String? = push["text"]
            let words = [code, text].compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: ": ")
            stages.append(
                .init(
                    stage: "push_failed", at: at, vendor: vendor, detail: words.isEmpty ? push["reason"] : words,
                    code: code))
        case "skipped": stages.append(.init(stage: "push_skipped", at: at, vendor: vendor, detail: push["reason"]))
        default: break
        }
        return stages + (try receiptStages(push["key"]))
    }

    /// What the vendors said afterwards.
    private func receiptStages(_ push: Int64) throws -> [DeviceTrace.Stage] {
        try Row.fetchAll(
            db.cachedStatement(
                sql: "SELECT at, vendor, code, detail, meaning FROM push_receipt WHERE push = ? ORDER BY at, code"),
            arguments: [push]
        ).map { row in
            let (code, detail): (String, String?) = (row[2], row[3])
            return .init(
                stage: "receipt", at: row[0], vendor: Vendor(rawValue: row[1]),
                detail: detail.map { "\(code): \($0)" } ?? code, code: code,
                meaning: VendorReceipt.Meaning(rawValue: row[4]))
        }
    }

    /// The vendor's code in front of its words, as ``PushJobs`` notes an attempt.
    private static func code(in detail: String) -> String {
        detail.firstRange(of: ": ").map { String(detail[..<$0.lowerBound]) } ?? detail
    }
}

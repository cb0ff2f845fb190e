import GRDB
import PushCore

/// What pushes are built from, for a page of jobs in one read: each message, sender's names and cancelled job is looked
/// up once, however many devices it is for.
struct PushSubjects {
    let db: Database
    /// The day whose use of devices is read.
    let now: Milliseconds
    let tenant: (TenantKey) -> Tenant?

    static let jobsSQL = """
        SELECT p.key, p.seq, p.token,
            max(d.start_seq,
                ifnull((SELECT seq FROM acknowledgement WHERE device = d.key ORDER BY seq DESC LIMIT 1), 0)),
            max(d.start_broadcast_seq, ifnull((SELECT seq FROM broadcast_cursor WHERE device = d.key), 0))
        FROM json_each(?) j CROSS JOIN push p ON p.key = j.value CROSS JOIN device d ON d.key = p.device
        WHERE p.state = 'waiting'
        """

    private struct JobRow {
        let seq: Int64
        let token: Int64?
        let cursor: PushCore.Cursor
    }

    /// What the devices of one message share; nil where it is gone or its job was cancelled.
    private struct Shared {
        let message: ArchivedMessage
        let tenant: Tenant
        let names: SenderNames
        /// Of a broadcast.
        let broadcastSeq: Int64?
    }

    /// Without unread totals.
    func read(_ jobs: [PushJob]) throws -> [Int64: PushSubject] {
        let rows = try waiting(jobs)
        let devices = try DeviceRows.devices(db, keys: jobs.map(\.device))
        var messages: [MessageKey: Shared?] = [:]
        var found: [Int64: PushSubject] = [:]
        found.reserveCapacity(jobs.count)
        let isAnyDeviceCounted =
            try Bool.fetchOne(
                db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM device_push_usage)")) ?? false
        for job in jobs {
            guard let row = rows[job.key], let (device, tokens) = devices[job.device] else { continue }
            let known: Shared?
            if let before = messages[job.message] {
                known = before
            } else {
                known = try shared(job.message)
                messages[job.message] = .some(known)
            }
            guard let known else { continue }
            let isAcknowledged =
                known.broadcastSeq.map { row.cursor.broadcastSeq >= $0 } ?? (row.cursor.seq >= row.seq)
            var subject = PushSubject(
                message: known.message, device: device, tenant: known.tenant,
                token: tokens.first { $0.key == row.token }?.token, isAcknowledged: isAcknowledged,
                senderName: known.names.shown,
                isBurned: try MessageRows.isBurned(db, known.message, by: device.account.key),
                isRead: try ReadCursors.isRead(
                    db, by: device.account.key, known.message.receiverPeer, seq: row.seq))
            subject.names = known.names
            if isAnyDeviceCounted, let vendor = subject.token?.vendor {
                subject.deviceUsage = try DeviceUsage(
                    db, device: job.device, vendor: vendor, day: BudgetBook.day(of: vendor, at: now))
            }
            found[job.key] = subject
        }
        return found
    }

    private func waiting(_ jobs: [PushJob]) throws -> [Int64: JobRow] {
        let rows = try Row.fetchCursor(
            db.cachedStatement(sql: Self.jobsSQL), arguments: [KeyList.json(jobs.map(\.key))])
        var found: [Int64: JobRow] = [:]
        found.reserveCapacity(jobs.count)
        while let row = try rows.next() {
            found[row[0]] = JobRow(
                seq: row[1], token: row[2], cursor: PushCore.Cursor(seq: row[3], broadcastSeq: row[4]))
        }
        return found
    }

    private func shared(_ key: MessageKey) throws -> Shared? {
        guard let message = try MessageRows.message(db, key: key, tenantNo: { tenant($0)?.tenantNo ?? "" }),
            let tenant = tenant(message.tenantKey), try !JobRows.isCancelled(db, key)
        else { return nil }
        return Shared(
            message: message, tenant: tenant, names: try senderNames(key),
            broadcastSeq: message.form == .broadcast ? try JobWalk.seq(db, of: key) : nil)
    }

    private func senderNames(_ message: MessageKey) throws -> SenderNames {
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT g.name, ifnull(a.nick, a.user_id), p.name FROM message m
                    LEFT JOIN user_group g ON g.key = m.group_key
                    LEFT JOIN account a ON a.key = m.sender_account AND a.deleted_at IS NULL
                    LEFT JOIN app p ON p.key = m.sender_app
                    WHERE m.key = ?
                    """),
            arguments: [message.rawValue])
        guard let row else { return SenderNames() }
        func name(_ column: Int) -> String? { (row[column] as String?).flatMap { $0.isEmpty ? nil : $0 } }
        return SenderNames(group: name(0), user: name(1), app: name(2))
    }
}

/// Row keys as a JSON array, for `json_each`: one statement for lists of any length.
enum KeyList {
    static func json(_ keys: [Int64]) -> String { "[" + keys.map(String.init).joined(separator: ",") + "]" }
}

extension Storage {
    public func subjects(of jobs: [PushJob]) async throws -> [Int64: PushSubject] {
        var found = try await file.read { [access, wallClock] db in
            try PushSubjects(db: db, now: wallClock.now) { access.tenant(key: $0) }.read(jobs)
        }
        let asking = found.filter { $0.value.showsUnreadTotal }
        guard !asking.isEmpty else { return found }
        // Their tails first, then the table: what moves from one to the other in between is counted all the same.
        let entries = Dictionary(asking.values.map { ($0.device.account.key, $0.device.account.key) }) { first, _ in
            first
        }
        .mapValues { AccountEntries(of: $0, log: log) }
        let totals = try await file.read { db in
            try entries.mapValues { try ConversationList(db: db, entries: $0).unreadTotal() }
        }
        for (job, subject) in asking { found[job]?.unreadTotal = totals[subject.device.account.key] }
        return found
    }
}

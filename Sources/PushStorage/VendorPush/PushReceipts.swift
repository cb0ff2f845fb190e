import GRDB
import PushCore

/// Receipts of one vendor for one tenant: into the trace of their pushes, and what they say of tokens.
struct PushReceipts {
    let writer: Writer
    let tenant: TenantKey
    let vendor: Vendor
    let now: Milliseconds

    private var db: Database { writer.db }

    private struct Token {
        let key: Int64
        let device: Int64
        let setAt: Milliseconds
        let isLive: Bool
    }

    /// A push that a receipt may speak of.
    private struct Push {
        let key: Int64
        let device: Int64
        let turn: Int
        let state: String
        let token: Int64?
        let vendor: String?
        let vendorID: String?
        let claimedAt: Milliseconds?
        let createdAt: Milliseconds
        let updatedAt: Milliseconds
        let expiresAt: Milliseconds
        let lane: Int64?
    }

    func record(
        _ receipts: [VendorReceipt]
    ) throws -> (counts: VendorReceiptCounts, deaths: [ReportedDeath]) {
        var counts = VendorReceiptCounts()
        var deaths: [ReportedDeath] = []
        for receipt in receipts {
            guard let found = try find(receipt) else {
                counts.unknown += 1
                continue
            }
            guard try insert(receipt, for: found.push) else {
                counts.repeated += 1
                continue
            }
            counts.recorded += 1
            guard receipt.meaning == .tokenDead, try quarantine(found.token, after: receipt, of: found.push) else {
                continue
            }
            // Each token once: reports of earlier pushes to it say nothing more.
            if let lane = found.push.lane, found.token.isLive {
                deaths.append(
                    ReportedDeath(lane: lane, token: PushToken(vendor: vendor, token: receipt.token)))
            }
            if try moveOn(found.push, message: found.message, from: found.token, receipt) { counts.movedOn += 1 }
        }
        return (counts, deaths)
    }

    // MARK: Whose push it was

    static let tokensSQL = """
        SELECT key, device, set_at, 1 FROM push_token WHERE tenant = ?1 AND vendor = ?2 AND token = ?3 AND state = 'live'
        UNION ALL
        SELECT key, device, set_at, 0 FROM push_token WHERE tenant = ?1 AND vendor = ?2 AND token = ?3 AND state <> 'live'
        """

    /// The push of this message to a device that has or had this token.
    private func find(_ receipt: VendorReceipt) throws -> (message: Int64, token: Token, push: Push)? {
        guard let id = receipt.messageID,
            let message = try Int64.fetchOne(
                db.cachedStatement(sql: "SELECT key FROM message WHERE tenant = ? AND id = ?"),
                arguments: [tenant.rawValue, id])
        else { return nil }
        let tokens = try Row.fetchAll(
            db.cachedStatement(sql: Self.tokensSQL), arguments: [tenant.rawValue, vendor.rawValue, receipt.token])
        for row in tokens {
            let token = Token(key: row[0], device: row[1], setAt: row[2], isLive: row[3])
            let pushes = try pushes(of: message, device: token.device)
            // The one the vendor names; else one that went to this token; else the notification itself, which may
            // have gone on to another token since.
            let named = pushes.first { $0.vendorID != nil && $0.vendorID == receipt.vendorID }
            if let push = named ?? pushes.first(where: { $0.token == token.key }) ?? pushes.first {
                return (message, token, push)
            }
        }
        return nil
    }

    /// Those that were handed to a vendor at least once.
    private func pushes(of message: Int64, device: Int64) throws -> [Push] {
        try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT key, device, turn, state, token, vendor, vendor_id, claimed_at, created_at, updated_at,
                        expires_at, lane
                    FROM push WHERE message = ? AND device = ? AND attempts > 0 ORDER BY turn
                    """), arguments: [message, device]
        ).map { row in
            Push(
                key: row[0], device: row[1], turn: row[2], state: row[3], token: row[4], vendor: row[5],
                vendorID: row[6], claimedAt: row[7], createdAt: row[8], updatedAt: row[9], expiresAt: row[10],
                lane: row[11])
        }
    }

    // MARK: The trace

    /// Whether it was new. A vendor's clock that is wrong does not put it before the push or into the future.
    private func insert(_ receipt: VendorReceipt, for push: Push) throws -> Bool {
        try db.execute(
            sql: """
                INSERT INTO push_receipt (push, vendor, code, meaning, at, detail) VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT DO NOTHING
                """,
            arguments: [
                push.key, vendor.rawValue, receipt.code, receipt.meaning.rawValue,
                max(push.createdAt, min(receipt.at ?? now, now)), receipt.text,
            ])
        guard db.changesCount > 0 else { return false }
        let words = WebhookLog.PushWords(
            vendor: vendor, vendorID: receipt.vendorID, meaning: receipt.meaning.rawValue,
            reply: VendorReply(code: receipt.code, text: receipt.text))
        try WebhookLog(writer: writer).record(.pushReceipt, push: push.key, words, at: now)
        return true
    }

    // MARK: Dead tokens

    private func quarantine(_ token: Token, after receipt: VendorReceipt, of push: Push) throws -> Bool {
        try dead.quarantine(
            token.key, of: DeviceKey(rawValue: token.device), setAt: token.setAt, besides: nil,
            DeadTokens.Word(
                vendor: vendor, reply: VendorReply(code: receipt.code, text: receipt.text), isDoubtful: true,
                since: receipt.at, attemptBegan: push.claimedAt))
    }

    private var dead: DeadTokens { DeadTokens(writer: writer, now: now) }

    /// A push that was accepted for a token that turns out dead goes to the device's next one, as if the vendor had
    /// said so at once; not when anything says that it had reached the device.
    private func moveOn(_ push: Push, message: Int64, from token: Token, _ receipt: VendorReceipt) throws -> Bool {
        guard push.state == "accepted", push.turn == 0, push.token == token.key, push.expiresAt > now,
            try !hasReachedDevice(push.key),
            try dead.goOn(push.key, message: MessageKey(rawValue: message), device: DeviceKey(rawValue: push.device))
        else { return false }
        try note(push, "push_accepted", at: push.updatedAt, vendorID: push.vendorID, detail: nil, token: token)
        try note(
            push, "token_dead", at: now, vendorID: nil, detail: "\(receipt.code): \(receipt.text)", token: token)
        try db.execute(
            sql: """
                UPDATE push SET state = 'waiting', vendor_id = NULL, is_leased = 0, is_begun = 0, not_before = ?,
                    updated_at = ?
                WHERE key = ?
                """,
            arguments: [now, now, push.key])
        return true
    }

    private func hasReachedDevice(_ push: Int64) throws -> Bool {
        let meanings = try String.fetchAll(
            db, sql: "SELECT meaning FROM push_receipt WHERE push = ?", arguments: [push])
        return meanings.contains { VendorReceipt.Meaning(rawValue: $0)?.reachedDevice ?? false }
    }

    /// The bound of 20 is the table's.
    private func note(
        _ push: Push, _ stage: String, at: Milliseconds, vendorID: String?, detail: String?, token: Token
    ) throws {
        try db.execute(
            sql: """
                INSERT INTO push_event (push, number, at, stage, vendor, vendor_id, detail, token)
                SELECT ?1, n, ?2, ?3, ?4, ?5, ?6, ?7
                FROM (SELECT ifnull(max(number), 0) + 1 AS n FROM push_event WHERE push = ?1) WHERE n <= 20
                """,
            arguments: [push.key, at, stage, vendor.rawValue, vendorID, detail, token.key])
    }
}

extension Storage: VendorReceiptStore {
    public func record(
        _ receipts: [VendorReceipt], from vendor: Vendor, tenant: TenantKey, at now: Milliseconds
    ) async throws -> (counts: VendorReceiptCounts, deaths: [ReportedDeath]) {
        guard !receipts.isEmpty else { return (VendorReceiptCounts(), []) }
        return try await commits.run { writer in
            try PushReceipts(writer: writer, tenant: tenant, vendor: vendor, now: now).record(receipts)
        }
    }
}

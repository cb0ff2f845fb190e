import GRDB
import PushCore

/// What happens when a vendor says that a token is dead, in an answer or in a receipt.
struct DeadTokens {
    let writer: Writer
    let now: Milliseconds

    private var db: Database { writer.db }

    /// What a vendor said of a token.
    struct Word {
        let vendor: Vendor
        let reply: VendorReply
        let isDoubtful: Bool
        /// The token has been dead since then, as far as the vendor says.
        let since: Milliseconds?
        /// When the attempt began that it answers.
        let attemptBegan: Milliseconds?
    }

    /// Puts a token into quarantine. What else waits for it goes on to the device's next token, or ends for want of one;
    /// pushes that are under way are left to their own answers.
    ///
    /// - Parameters:
    ///   - setAt: when the device last named the token: after the vendor's date, or after the attempt began, it is alive.
    ///   - push: the one that was answered, whose caller decides what becomes of it.
    /// - Returns: whether the token is dead now.
    func quarantine(
        _ token: Int64, of device: DeviceKey, setAt: Milliseconds, besides push: Int64?, _ word: Word
    ) throws -> Bool {
        if setAt > min(word.since ?? .max, word.attemptBegan ?? .max) { return false }
        try db.execute(
            sql: """
                UPDATE push_token SET state = 'dead', reason = ?, ended_at = ?, is_doubtful = ?
                WHERE key = ? AND state = 'live'
                """,
            arguments: [word.reply.code, now, word.isDoubtful, token])
        guard db.changesCount > 0 else { return true }
        try WebhookLog(writer: writer).record(
            .tokenDead, device: device,
            detail: { writer in
                writer.member("vendor", word.vendor.rawValue)
                writer.member("code", word.reply.code)
            }, at: now)
        let others = try Row.fetchAll(
            db,
            sql: """
                SELECT key, message FROM push
                WHERE device = ? AND state = 'waiting' AND token = ? AND is_leased = 0 AND key IS NOT ?
                """,
            arguments: [device.rawValue, token, push])
        for other in others {
            if try goOn(other[0], message: MessageKey(rawValue: other[1]), device: device) { continue }
            try fail(other[0], vendor: word.vendor, reply: word.reply)
        }
        return true
    }

    /// Whether there is another token of the device for a push, which it then waits for.
    func goOn(_ push: Int64, message: MessageKey, device: DeviceKey) throws -> Bool {
        let decisions = PushDecisions(writer: writer, now: now)
        guard let next = try decisions.nextToken(push: push, message: message, device: device) else { return false }
        try decisions.moveTo(next, push: push)
        return true
    }

    /// Ends a push for want of a token, with the words of the vendor that called it dead.
    func fail(_ push: Int64, vendor: Vendor, reply: VendorReply) throws {
        try db.cachedStatement(
            sql: """
                UPDATE push SET state = 'failed', reason = 'token_dead', vendor = ?, code = ?, text = ?,
                    is_leased = 0, updated_at = ?
                WHERE key = ? AND state = 'waiting'
                """
        ).execute(arguments: [vendor.rawValue, reply.code, reply.text, now, push])
        guard db.changesCount > 0 else { return }
        try WebhookLog(writer: writer).record(
            .pushFailed, push: push, .init(vendor: vendor, reason: .tokenDead, reply: reply), at: now)
    }
}

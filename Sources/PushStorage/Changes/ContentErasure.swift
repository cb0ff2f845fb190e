import Foundation
import GRDB
import PushCore

/// Takes content out of the archive. Every place that does so comes here: what is kept of a message without content,
/// and what the tenant's retention counts, is the same everywhere.
struct ContentErasure {
    let writer: Writer
    let feed: EntryFeed

    private var db: Database { writer.db }

    /// The content goes, and the push options with it; what is left of those only says where a shown notification is.
    func erase(_ message: ArchivedMessage, as state: ArchivedMessage.State, at now: Milliseconds) throws {
        let push = message.push.placeOnly
        try db.execute(
            sql: "UPDATE message SET content = NULL, push = ?, state = ?, changed_at = ? WHERE key = ?",
            arguments: [
                push == .standard ? nil : Data(push.raw.bytes), state.rawValue, now, message.key.rawValue,
            ])
        try recount(message, bytes: 0)
        noteChange(of: message.key)
    }

    /// The content becomes another.
    func replace(
        _ message: ArchivedMessage, content: RawJSON, timestamp: Milliseconds, at serverTime: Milliseconds
    ) throws {
        let push = message.push.withoutContent
        try db.execute(
            sql: """
                UPDATE message SET content = ?, push = ?, timestamp = ?, revision = revision + 1, revised_at = ?
                WHERE key = ?
                """,
            arguments: [
                Data(content.bytes), push == .standard ? nil : Data(push.raw.bytes), timestamp, serverTime,
                message.key.rawValue,
            ])
        try recount(message, bytes: content.bytes.count)
        noteChange(of: message.key)
    }

    /// Delivery reads the message again before it publishes an entry that is not out yet.
    func noteChange(of message: MessageKey) {
        writer.afterCommit { [feed, log = writer.log] in feed.changed(message, through: log.last) }
    }

    /// Keeps the number of bytes that the tenant's retention goes by.
    private func recount(_ message: ArchivedMessage, bytes: Int) throws {
        let difference = bytes - (message.content?.bytes.count ?? 0)
        guard difference != 0 else { return }
        try db.execute(
            sql: """
                UPDATE retention SET content_bytes = content_bytes + ?1
                WHERE tenant = ?2 AND erased_through < ?3 AND counted_through >= ?3
                """,
            arguments: [difference, message.tenantKey.rawValue, message.key.rawValue])
    }
}

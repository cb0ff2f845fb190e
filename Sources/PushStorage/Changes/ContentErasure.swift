import Foundation
import GRDB
import PushCore

/// Takes content out of the archive where its sender or receiver wants it gone, and lets delivery know.
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
        noteChange(of: message.key)
    }

    /// Delivery reads the message again before it publishes an entry that is not out yet.
    func noteChange(of message: MessageKey) {
        writer.afterCommit { [feed, log = writer.log] in feed.changed(message, through: log.last) }
    }
}

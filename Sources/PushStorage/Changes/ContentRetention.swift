import GRDB
import PushCore

/// Erases a tenant's oldest content, a page in one transaction.
///
/// Message keys grow with time, so the archive is walked from the newest key below which nothing is left. An index by
/// time would cost every message something; only imported ones, whose time is another, have one. For the size, content
/// is as old as its key: imported history counts as archived when it was imported. Events stay: they have no content
/// of anybody's.
struct ContentRetention {
    let writer: Writer
    let feed: EntryFeed
    let tenant: Tenant
    let pageMessages: Int
    let now: Milliseconds

    private var db: Database { writer.db }

    /// How far the tenant's messages have been walked.
    private struct Progress {
        /// Up to this key no content is left.
        var erasedThrough: Int64
        /// Content between there and this key is counted in `bytes`.
        var countedThrough: Int64
        var bytes: Int64
    }

    private struct Found {
        let key: Int64
        let bytes: Int64
    }

    private struct Page {
        var content: [Found] = []
        /// Everything up to this key was looked at.
        var through: Int64
        var isFull = false
    }

    /// True when there may be more to do at once.
    func step() throws -> Bool {
        var progress = try load()
        var hasMore = false
        if let seconds = tenant.settings.retentionSeconds {
            let cutoff = now - seconds * 1000
            let page = try self.page(after: progress.erasedThrough, archivedBefore: cutoff)
            try erase(page.content, through: page.through, &progress)
            hasMore = try eraseImported(before: cutoff, &progress) || page.isFull
        }
        if let most = tenant.settings.retentionBytes {
            let page = try self.page(after: max(progress.countedThrough, progress.erasedThrough))
            progress.countedThrough = page.through
            progress.bytes += page.content.reduce(0) { $0 + $1.bytes }
            hasMore = try shrink(to: most, &progress) || page.isFull || hasMore
        }
        try save(progress)
        return hasMore
    }

    /// The next messages in the order of their keys; only up to the first that was archived at or after
    /// `archivedBefore`. Imported ones are older than those around them.
    private func page(after key: Int64, archivedBefore cutoff: Milliseconds = .max) throws -> Page {
        var page = Page(through: key)
        var count = 0
        let rows = try Row.fetchCursor(
            db.cachedStatement(
                sql: """
                    SELECT key, tenant, type < 256, length(content), server_time, is_imported FROM message
                    WHERE key > ? ORDER BY key LIMIT ?
                    """),
            arguments: [key, pageMessages])
        while let row = try rows.next() {
            if row[4] as Int64 >= cutoff, !(row[5] as Bool) { return page }
            count += 1
            page.through = row[0]
            if row[1] as Int64 == tenant.key.rawValue, row[2] as Bool, let bytes = row[3] as Int64? {
                page.content.append(Found(key: row[0], bytes: bytes))
            }
        }
        page.isFull = count == pageMessages
        return page
    }

    private func eraseImported(before cutoff: Milliseconds, _ progress: inout Progress) throws -> Bool {
        let found = try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT key, length(content) FROM message
                    WHERE tenant = ? AND server_time < ? AND is_imported = 1 AND content IS NOT NULL LIMIT ?
                    """),
            arguments: [tenant.key.rawValue, cutoff, pageMessages]
        ).map { Found(key: $0[0], bytes: $0[1]) }
        try erase(found, through: progress.erasedThrough, &progress)
        return found.count == pageMessages
    }

    /// Erases the oldest until what is left fits. True when it does not yet.
    private func shrink(to most: Int64, _ progress: inout Progress) throws -> Bool {
        guard progress.bytes > most else { return false }
        let page = try self.page(after: progress.erasedThrough)
        var rest = progress.bytes
        var outlived: [Found] = []
        for found in page.content where rest > most && found.key <= progress.countedThrough {
            outlived.append(found)
            rest -= found.bytes
        }
        let isWhole = outlived.count == page.content.count
        try erase(outlived, through: isWhole ? page.through : outlived.last?.key ?? progress.erasedThrough, &progress)
        return progress.bytes > most && !page.content.isEmpty || (isWhole && page.isFull)
    }

    /// `progress` is written at the end of the step, over what the store counted by itself meanwhile.
    private func erase(_ found: [Found], through: Int64, _ progress: inout Progress) throws {
        let update = try writer.statement("UPDATE message SET content = NULL, push = NULL WHERE key = ?")
        for message in found {
            update.bind(1, message.key)
            try update.run()
            if message.key > progress.erasedThrough, message.key <= progress.countedThrough {
                progress.bytes -= message.bytes
            }
        }
        progress.erasedThrough = max(progress.erasedThrough, through)
        guard !found.isEmpty else { return }
        writer.afterCommit { [feed, log = writer.log] in feed.changedAny(through: log.last) }
    }

    private func load() throws -> Progress {
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: "SELECT erased_through, counted_through, content_bytes FROM retention WHERE tenant = ?"),
            arguments: [tenant.key.rawValue])
        return Progress(erasedThrough: row?[0] ?? 0, countedThrough: row?[1] ?? 0, bytes: row?[2] ?? 0)
    }

    private func save(_ progress: Progress) throws {
        try db.execute(
            sql: """
                INSERT INTO retention (tenant, erased_through, counted_through, content_bytes) VALUES (?1, ?2, ?3, ?4)
                ON CONFLICT (tenant) DO UPDATE SET erased_through = ?2, counted_through = ?3, content_bytes = ?4
                WHERE (erased_through, counted_through, content_bytes) <> (?2, ?3, ?4)
                """,
            arguments: [tenant.key.rawValue, progress.erasedThrough, progress.countedThrough, progress.bytes])
    }
}

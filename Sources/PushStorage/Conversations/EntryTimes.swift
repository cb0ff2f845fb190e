import GRDB
import PushCore

/// The part of an inbox that can hold entries of a range of time.
struct EntryRange {
    /// seq, exclusive.
    var above: Int64 = 0
    /// seq, exclusive.
    var below: Int64 = .max
    /// From this seq on only older messages that came late can be meant …
    var lateFrom: Int64 = .max
    /// … and those have lower keys than this one.
    var lateMessagesBelow: Int64 = .max

    static let all = EntryRange()

    func mayHold(_ entry: InboxEntry) -> Bool {
        entry.seq < lateFrom || entry.message.rawValue < lateMessagesBelow
    }
}

/// Finds times in an inbox by halving it.
///
/// The server time of messages grows with `seq` but for copies that came into the inbox after the accepting
/// transaction: those of large audiences. A copy that was made in that transaction stands at its time exactly, every
/// other one at most `lateness` after it.
struct EntryTimes {
    let db: Database
    let entries: AccountEntries
    let lateness: Milliseconds

    private struct Probe {
        let seq: Int64
        let message: Int64
        let time: Milliseconds
        /// Made together with its message.
        let isInTime: Bool

        /// The latest time at which it can have come into the inbox.
        func latest(_ lateness: Milliseconds) -> Milliseconds {
            guard !isInTime else { return time }
            let (latest, isOver) = time.addingReportingOverflow(lateness)
            return isOver ? .max : latest
        }
    }

    /// Where entries with `from <= serverTime < to` can stand: none is outside, others may be inside.
    func range(from: Milliseconds?, to: Milliseconds?) throws -> EntryRange {
        let head = try entries.head(db)
        var range = EntryRange()
        if let from {
            // Everything up to the last entry that came in before `from`.
            range.above = try halve(head) { probe in probe.latest(lateness) < from ? .before : .after }.before?.seq ?? 0
        }
        if let to {
            let limit = to.addingReportingOverflow(lateness)
            if !limit.overflow {
                range.below =
                    try halve(head) { probe in probe.time >= limit.partialValue ? .after : .before }.after?.seq ?? .max
            }
            let first = try halve(head) { probe in probe.isInTime && probe.time >= to ? .after : .before }.after
            if let first { (range.lateFrom, range.lateMessagesBelow) = (first.seq, first.message) }
        }
        return range
    }

    private enum Side { case before, after }

    /// Halves the inbox until nothing is left between the last probe before and the first one after.
    private func halve(
        _ head: Int64, _ side: (Probe) -> Side
    ) throws -> (before: Probe?, after: Probe?) {
        var (low, high) = (Int64(0), head + 1)
        var (before, after): (Probe?, Probe?) = (nil, nil)
        while low + 1 < high {
            let middle = low + (high - low) / 2
            // Later revisions stand far from their message's time: the nearest first one below is asked instead.
            guard let probe = try probe(above: low, through: middle) else {
                low = middle
                continue
            }
            switch side(probe) {
            case .before: (low, before) = (middle, probe)
            case .after: (high, after) = (probe.seq, probe)
            }
        }
        return (before, after)
    }

    private func probe(above: Int64, through seq: Int64) throws -> Probe? {
        guard let entry = try entries.firstRevision(db, above: above, through: seq),
            let row = try Row.fetchOne(
                db.cachedStatement(
                    sql: "SELECT server_time, ?2 BETWEEN first_position AND last_position FROM message WHERE key = ?1"),
                arguments: [entry.message.rawValue, entry.position])
        else { return nil }
        return Probe(
            seq: entry.seq, message: entry.message.rawValue, time: row[0], isInTime: row[1] as Bool? ?? false)
    }
}

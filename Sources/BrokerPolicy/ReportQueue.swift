import BrokerControl

/// What the gateway is to be told, in order and in bounded batches.
///
/// Everything goes out in the order in which it happened: what changes while the pages of a snapshot are sent waits
/// behind them, so that a page never brings back a connection whose end was already reported.
struct ReportQueue {
    static let changesPerReportMax = 200
    static let connectionsPerPageMax = 500
    /// Reports are written inside the broker's loop: 8 pages are some ten milliseconds of it.
    static let reportsPerTickMax = 8
    /// Milliseconds between batches, unless one is full.
    static let interval: Int64 = 10
    /// Above this, everything is dropped and a number left out, which tells the gateway to ask for a snapshot.
    static let changesMax = 50_000
    static let snapshotsMax = 8

    private enum Item {
        case changes([BrokerReport.Change])
        case snapshot(request: String, connections: [BrokerConnection], sent: Int, page: Int)
        case ready
    }

    private let boot: String
    private var items: [Item] = []
    private var changeCount = 0
    private var number: UInt64 = 0
    private var lastTaken: Int64 = .min

    init(boot: String) {
        self.boot = boot
    }

    mutating func append(_ change: BrokerReport.Change) {
        guard changeCount < Self.changesMax else { return overflow() }
        changeCount += 1
        // The batch is taken out while it grows: copied otherwise, with every change.
        if case .changes(var changes)? = items.last, changes.count < Self.changesPerReportMax {
            items.removeLast()
            changes.append(change)
            items.append(.changes(changes))
        } else {
            items.append(.changes([change]))
        }
    }

    enum Announcement { case ready }

    mutating func append(_ announcement: Announcement) {
        items.append(.ready)
    }

    mutating func appendSnapshot(request: String, connections: [BrokerConnection]) {
        let waiting = items.count { if case .snapshot = $0 { true } else { false } }
        // Who asks this often without waiting for the answer gets the ones asked for first.
        guard waiting < Self.snapshotsMax else { return }
        items.append(.snapshot(request: request, connections: connections, sent: 0, page: 0))
    }

    /// The reports that are due, as texts.
    ///
    /// - Parameter monotonic: milliseconds of a clock that never jumps.
    mutating func take(at monotonic: Int64) -> [[UInt8]] {
        guard !items.isEmpty else { return [] }
        guard items.count > 1 || lastTaken == .min || monotonic &- lastTaken >= Self.interval else { return [] }
        lastTaken = monotonic
        var reports: [[UInt8]] = []
        var taken = 0
        while taken < items.count, reports.count < Self.reportsPerTickMax {
            let (body, rest) = next(items[taken])
            if let rest {
                items[taken] = rest
            } else {
                taken += 1
            }
            number &+= 1
            if let text = CommandText.encode(BrokerReport(boot: boot, number: number, body: body)) {
                reports.append(text)
            }
        }
        items.removeFirst(taken)
        return reports
    }

    /// The next report of an item, and what is left of it.
    private mutating func next(_ item: Item) -> (body: BrokerReport.Body, rest: Item?) {
        switch item {
        case .changes(let changes):
            changeCount -= changes.count
            return (.changes(changes), nil)
        case .ready:
            return (.ready, nil)
        case .snapshot(let request, let connections, let sent, let page):
            let end = min(sent + Self.connectionsPerPageMax, connections.count)
            let isLast = end == connections.count
            return (
                .snapshot(request: request, page: page, isLast: isLast, connections: Array(connections[sent..<end])),
                isLast ? nil : .snapshot(request: request, connections: connections, sent: end, page: page + 1)
            )
        }
    }

    /// Leaves a number out and an empty batch behind it, by which the gateway sees the gap at once.
    private mutating func overflow() {
        items = [.changes([])]
        changeCount = 0
        number &+= 1
    }
}

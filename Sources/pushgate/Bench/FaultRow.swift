import Foundation
import PushGateClient

/// What was measured while a vendor went wrong in one way, in one round or in several.
struct FaultRow: BenchRow {
    /// What became of the pushes to one vendor.
    struct Count: Sendable {
        /// Pushes that their devices show.
        var shown = 0
        var lost = 0
        /// Notifications that a device shows twice.
        var doubled = 0
        /// Handed over once more, in place of the first one.
        var repeated = 0

        mutating func add(_ more: Count) {
            shown += more.shown
            lost += more.lost
            doubled += more.doubled
            repeated += more.repeated
        }
    }

    let mode: FaultMode
    var count: Count
    /// Requests to the vendor that went wrong, and how many of them the fault hit.
    var requests: Int
    var hit: Int
    /// The most requests in a second while it held, from a second after its beginning.
    var highestRate: Int
    var pauses: RequestPauses
    /// Pushes to dead tokens that the vendor took.
    var deadAccepted: Int
    var otherCount: Count
    /// From the deadline to the other vendor's having the request, for each round.
    var others: [Percentiles]
    /// p99 of the other vendor alone, and beside this vendor in health, in milliseconds.
    var alone = 0.0
    var healthy = 0.0
    /// What is not as it should be.
    private(set) var wrong: [String] = []

    /// The round in the middle: a disk or a machine that stalls for some seconds spoils one round, not what is compared.
    var other: Percentiles {
        let sorted = others.sorted { $0.p99Milliseconds < $1.p99Milliseconds }
        return sorted.isEmpty ? Percentiles([]) : sorted[sorted.count / 2]
    }

    /// Another round of the same.
    mutating func add(_ more: FaultRow) {
        count.add(more.count)
        requests += more.requests
        hit += more.hit
        highestRate = max(highestRate, more.highestRate)
        pauses.add(more.pauses)
        deadAccepted += more.deadAccepted
        otherCount.add(more.otherCount)
        others += more.others
    }

    /// Requests in a second that a vendor without a chance to answer may get: probes.
    static let probesMax = 5
    static let growthMax = 1.2

    /// Looks what is wrong, when all rounds and the vendors in health are known.
    mutating func judge(floor: Double) {
        let other = other
        var wrong: [String] = []
        func check(_ isRight: Bool, _ text: String) { if !isRight { wrong.append(text) } }
        check(count.lost == 0 && count.doubled == 0, "lost \(count.lost), doubled \(count.doubled)")
        check(
            otherCount.lost == 0 && otherCount.doubled == 0,
            "\(mode.other) lost \(otherCount.lost), doubled \(otherCount.doubled)")
        check(pauses.early == 0, "\(pauses.early) requests up to \(pauses.earliestBy) ms early")
        check(pauses.late == 0, "\(pauses.late) pauses too long, up to \(pauses.latestBy) ms")
        check(!mode.asksForPauses || pauses.count > 0, "Retry-After was never followed by a request")
        check(mode.fault == nil || hit > 0 || mode.isPerToken, "the fault hit no request")
        check(!mode.isTotal || highestRate <= Self.probesMax, "\(highestRate) requests/s to a vendor that fails")
        check(count.repeated >= mode.repeatsMin, "what got no answer was not repeated")
        check(deadAccepted == 0, "\(deadAccepted) pushes to dead tokens")
        check(
            mode.isHealthy || other.p99Milliseconds <= healthy * Self.growthMax + floor,
            "\(mode.other) p99 \(other.p99) ms")
        self.wrong = wrong
    }

    static func rules(floor: Double, late: Int) -> String {
        """
        none lost or shown twice; Retry-After never early, at most 10 % and \(late) ms late \
        (the first \(RequestPauses.underWayMax) requests within \(RequestPauses.underWay) ms of the answer were under way); the other vendor's p99, of the round in the middle, at most \
        \(growthMax) times that beside a vendor in health, and \(Int(floor)) ms; at most \(probesMax) requests/s to a \
        vendor that fails altogether; synchronous=FULL, vendor simulator on this machine
        """
    }

    static let heading = columns([
        "fault", "vendor", "shown", "lost", "doubled", "repeated", "requests", "hit", "req/s", "Retry-After", "other",
        "p50", "p99", "healthy", "alone", "",
    ])

    var isWrong: Bool { !wrong.isEmpty }

    /// Nothing goes through the broker.
    var ratio: (name: String, value: Double)? { nil }

    var lines: [String] { [line] }

    private var line: String {
        let pause =
            pauses.count == 0
            ? "-" : "\(pauses.count)x, \(pauses.early) early, +\(pauses.latestBy) ms"
        return Self.columns([
            mode.name, "\(mode.vendor)", "\(count.shown)", "\(count.lost)", "\(count.doubled)", "\(count.repeated)",
            "\(requests)", "\(hit)", mode.isTotal ? "\(highestRate)" : "-", pause, "\(mode.other)", other.p50,
            other.p99,
            "\(healthy)", "\(alone)", wrong.isEmpty ? "ok" : "WRONG: " + wrong.joined(separator: "; "),
        ])
    }

    private static func columns(_ texts: [String]) -> String {
        let widths = [15, 7, 7, 6, 8, 9, 9, 7, 6, 22, 6, 7, 8, 8, 8]
        return zip(texts, widths).map { text, width in
            text.padding(toLength: max(width, text.count + 1), withPad: " ", startingAt: 0)
        }.joined() + (texts.last ?? "")
    }

    var json: JSONValue {
        [
            "name": .string(mode.name), "vendor": .string(mode.vendor.rawValue), "shown": JSONValue(count.shown),
            "lost": JSONValue(count.lost), "doubled": JSONValue(count.doubled), "repeated": JSONValue(count.repeated),
            "requests": JSONValue(requests), "hit": JSONValue(hit), "highestRate": JSONValue(highestRate),
            "pauses": JSONValue(pauses.count), "pausesEarly": JSONValue(pauses.early),
            "pausesLate": JSONValue(pauses.late), "pauseOverMs": JSONValue(Int(pauses.latestBy)),
            "other": .string(mode.other.rawValue), "otherShown": JSONValue(otherCount.shown),
            "otherLost": JSONValue(otherCount.lost), "otherDoubled": JSONValue(otherCount.doubled),
            "otherP50": .number(other.p50), "otherP99": .number(other.p99), "healthyP99": .number("\(healthy)"),
            "otherP99s": .array(others.map { .number($0.p99) }),
            "aloneP99": .number("\(alone)"), "wrong": .array(wrong.map { .string($0) }),
        ]
    }
}

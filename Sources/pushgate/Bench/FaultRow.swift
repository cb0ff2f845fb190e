import Foundation
import PushGateClient

/// What was measured while a vendor went wrong in one way.
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
    }

    let mode: FaultMode
    let count: Count
    /// Requests to the vendor that went wrong, and how many of them the fault hit.
    let requests: Int
    let hit: Int
    /// The most requests in a second while it held, from a second after its beginning.
    let highestRate: Int
    let pauses: RequestPauses
    let otherCount: Count
    /// From the deadline to the other vendor's having the request.
    let other: Percentiles
    /// p99 of the other vendor alone, and beside this vendor in health, in milliseconds.
    let alone: Double
    let healthy: Double
    /// What is not as it should be.
    let wrong: [String]

    /// Requests in a second that a vendor without a chance to answer may get: probes.
    static let probesMax = 5
    static let growthMax = 1.2

    static func rules(floor: Double, late: Int) -> String {
        """
        none lost or shown twice; Retry-After never early, at most 10 % and \(late) ms late \
        (the first \(RequestPauses.underWayMax) requests within \(RequestPauses.underWay) ms of the answer were under way); the other vendor's p99 at most \
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
            "aloneP99": .number("\(alone)"), "wrong": .array(wrong.map { .string($0) }),
        ]
    }
}

import Foundation
import PushGateClient

/// What a measurement gave, as a part of the report.
protocol BenchRow: Sendable {
    var json: JSONValue { get }
    /// For people.
    var lines: [String] { get }
    /// Something was lost or doubled, or is not as it must be.
    var isWrong: Bool { get }
    /// By name, the ratio to the raw broker.
    var ratio: (name: String, value: Double)? { get }
}

/// One workload.
struct WorkloadResult: BenchRow {
    struct Detail: Sendable {
        /// With its unit.
        let name: String
        let value: Double

        init(_ name: String, _ value: Double) {
            self.name = name
            self.value = value
        }
    }

    let name: String
    /// What is counted.
    var unit = "messages"
    /// Delivered, a second.
    var rate: Double
    var latency: Percentiles
    var usage: Usage
    var totals: DeliveryLedger.Totals
    /// With as many subscribing connections and the same payload, in the same run.
    var raw: RawBroker.Figures?
    var details: [Detail] = []

    var ratio: (name: String, value: Double)? {
        guard let raw, raw.rate > 0 else { return nil }
        return (name, rate / raw.rate)
    }

    var isWrong: Bool { totals.lost > 0 || totals.doubled > 0 }

    var bottleneck: String { Bottleneck.name(of: usage, cores: BenchMachine.cores) }

    var json: JSONValue {
        .object([
            "name": .string(name), "rate": Self.number(rate), "ratio": ratio.map { Self.number($0.value, 3) },
            "p50": .number(latency.p50), "p99": .number(latency.p99), "max": .number(latency.max),
            "cpuGateway": Self.number(usage.cpuGateway), "cpuBroker": Self.number(usage.cpuBroker),
            "memory": JSONValue(usage.memory), "fsyncs": JSONValue(usage.fsyncs),
            "delivered": JSONValue(totals.delivered), "lost": JSONValue(totals.lost),
            "doubled": JSONValue(totals.doubled), "raw": raw?.json, "unit": .string(unit),
            "refused": JSONValue(totals.refused), "seconds": Self.number(usage.seconds),
            "cpuClient": Self.number(usage.cpuClient), "cpuOthers": Self.number(usage.cpuOthers),
            "bottleneck": .string(bottleneck),
            "details": .object(details.map { .init($0.name, Self.number($0.value)) }),
        ])
    }

    static func number(_ value: Double, _ digits: Int = 2) -> JSONValue {
        .number(value.isFinite ? String(format: "%.\(digits)f", value) : "0")
    }

    static let heading = columns([
        "workload", "rate/s", "ratio", "p50 ms", "p99 ms", "max ms", "gateway s", "broker s", "client s", "memory MB",
        "fsyncs", "delivered", "lost", "doubled",
    ])

    var lines: [String] {
        func seconds(_ value: Double) -> String { String(format: "%.1f", value) }
        let row = Self.columns([
            name, "\(Int(rate))", ratio.map { String(format: "%.2f", $0.value) } ?? "-", latency.p50, latency.p99,
            latency.max, seconds(usage.cpuGateway), seconds(usage.cpuBroker), seconds(usage.cpuClient),
            "\(usage.memory / 1_048_576)", "\(usage.fsyncs)", "\(totals.delivered)", "\(totals.lost)",
            "\(totals.doubled)",
        ])
        var more = details.map { "\($0.name) \(Self.number($0.value).description)" }
        if let raw { more.append("raw broker \(Int(raw.rate))/s to \(raw.subscribers), \(raw.payloadBytes) bytes") }
        if totals.refused > 0 { more.append("refused \(totals.refused)") }
        return [row, "    counted: \(unit); first bottleneck: \(bottleneck)"]
            + (more.isEmpty ? [] : ["    " + more.joined(separator: "; ")])
    }

    private static func columns(_ texts: [String]) -> String {
        let widths = [20, 9, 7, 9, 9, 9, 11, 10, 10, 11, 9, 11, 6, 8]
        return zip(texts, widths).map { text, width in
            text.padding(toLength: max(width, text.count + 1), withPad: " ", startingAt: 0)
        }.joined()
    }
}

extension RawBroker.Figures {
    var json: JSONValue {
        [
            "rate": WorkloadResult.number(rate), "p50": .number(latency.p50), "p99": .number(latency.p99),
            "max": .number(latency.max), "subscribers": JSONValue(subscribers), "payloadBytes": JSONValue(payloadBytes),
        ]
    }
}

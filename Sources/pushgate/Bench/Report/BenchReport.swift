import Foundation
import PushGateClient

/// Everything that one run of `bench` says.
struct BenchReport {
    let machine: String
    let settings: String
    /// Of the source that was measured, where it was given.
    let commit: String?
    let raw: RawBroker.Figures?
    let rows: [any BenchRow]

    var json: JSONValue {
        .object([
            "machine": .string(machine), "settings": .string(settings), "commit": commit.map { .string($0) },
            "raw": raw?.json ?? .null, "workloads": .array(rows.map(\.json)),
        ])
    }

    var table: String {
        var lines = ["machine   \(machine)", "settings  \(settings)"]
        if let raw {
            lines.append(
                "raw       \(Int(raw.rate)) messages/s to \(raw.subscribers) subscribers, p50 \(raw.latency.p50) ms, "
                    + "p99 \(raw.latency.p99) ms, max \(raw.latency.max) ms")
        }
        if rows.contains(where: { $0 is WorkloadResult }) { lines += ["", WorkloadResult.heading] }
        return (lines + rows.flatMap(\.lines)).joined(separator: "\n")
    }

    var isWrong: Bool { rows.contains(where: \.isWrong) }
}

/// Compares the ratios of a run with those of an earlier one on the same machine.
enum RatioComparison {
    /// How much of its ratio a workload may lose.
    static let fallMax = 0.15

    struct Fall: Equatable, CustomStringConvertible {
        let workload: String
        let before: Double
        let now: Double

        var description: String {
            String(format: "%@: the ratio to the raw broker fell from %.3f to %.3f", workload, before, now)
        }
    }

    /// Workloads that only one of the two has are left out, and so is everything where the machine is another one.
    static func falls(
        from before: JSONValue, to now: [(name: String, value: Double)], machine: String
    ) -> [Fall] {
        guard before["machine"]?.string == machine else { return [] }
        var earlier: [String: Double] = [:]
        for workload in before["workloads"]?.array ?? [] {
            guard let name = workload["name"]?.string, case .number(let text)? = workload["ratio"],
                let ratio = Double(text)
            else { continue }
            earlier[name] = ratio
        }
        return now.compactMap { workload in
            guard let ratio = earlier[workload.name], workload.value < ratio * (1 - fallMax) else { return nil }
            return Fall(workload: workload.name, before: ratio, now: workload.value)
        }
    }
}

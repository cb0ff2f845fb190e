import Foundation

/// In milliseconds, as text with two decimals.
struct Percentiles {
    let p50, p99, max: String

    init(_ nanoseconds: [Int64]) {
        let sorted = nanoseconds.sorted()
        func at(_ share: Double) -> String {
            guard !sorted.isEmpty else { return "0" }
            let index = Swift.min(sorted.count - 1, Int(Double(sorted.count) * share))
            return String(format: "%.2f", Double(sorted[index]) / 1e6)
        }
        (p50, p99, max) = (at(0.5), at(0.99), at(1))
    }
}

/// What the figures were measured on.
enum BenchMachine {
    static var description: String {
        let processor =
            (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?  // unknown where /proc is closed
            .split(separator: "\n").first { $0.hasPrefix("model name") }?
            .split(separator: ":").last.map { $0.trimmingPrefix(" ").description }
        return "\(ProcessInfo.processInfo.activeProcessorCount) cores, \(processor ?? "unknown processor")"
    }
}

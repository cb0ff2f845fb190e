import Foundation

/// In milliseconds, as text with two decimals.
struct Percentiles {
    let p50, p99, max: String
    let p99Milliseconds: Double

    init(_ nanoseconds: [Int64]) {
        let sorted = nanoseconds.sorted()
        func at(_ share: Double) -> Double {
            guard !sorted.isEmpty else { return 0 }
            let index = Swift.min(sorted.count - 1, Int(Double(sorted.count) * share))
            return Double(sorted[index]) / 1e6
        }
        func text(_ value: Double) -> String { sorted.isEmpty ? "0" : String(format: "%.2f", value) }
        p99Milliseconds = at(0.99)
        (p50, p99, max) = (text(at(0.5)), text(p99Milliseconds), text(at(1)))
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

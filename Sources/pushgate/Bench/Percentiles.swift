import Foundation
import Glibc

/// In milliseconds, as text with two decimals.
struct Percentiles: Sendable {
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
    static var cores: Int { ProcessInfo.processInfo.activeProcessorCount }

    static var description: String {
        let processor =
            (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?  // unknown where /proc is closed
            .split(separator: "\n").first { $0.hasPrefix("model name") }?
            .split(separator: ":").last.map { $0.trimmingPrefix(" ").description }
        return "\(cores) cores, \(processor ?? "unknown processor")"
    }

    /// Whether a sync of files in this folder costs nothing, because they are in memory only.
    static func isMemory(_ folder: String) -> Bool {
        let path = URL(fileURLWithPath: folder).resolvingSymlinksInPath().path + "/"
        let mounts = (try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? ""  // not known: a disk
        var found = (point: "", type: "")
        for mount in mounts.split(separator: "\n") {
            let fields = mount.split(separator: " ").map(String.init)
            guard fields.count > 2 else { continue }
            let point = fields[1].hasSuffix("/") ? fields[1] : fields[1] + "/"
            if path.hasPrefix(point), point.count >= found.point.count { found = (point, fields[2]) }
        }
        return ["tmpfs", "ramfs"].contains(found.type)
    }

    /// Each device takes a socket here and one in the broker.
    static func raiseFileLimit() {
        var limit = rlimit()
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(files, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = Swift.min(limit.rlim_max, 1 << 20)
        setrlimit(files, &limit)  // refused: fewer connections serve, too
    }
}

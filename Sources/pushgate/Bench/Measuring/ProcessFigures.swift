import Foundation
import Glibc

/// What the kernel says of a process, from /proc. A process that is gone has used nothing more.
enum ProcessFigures {
    struct Thread {
        let name: String
        let cpuSeconds: Double
        /// Waits in the kernel for the disk.
        let waitsForDisk: Bool
    }

    private struct Stat {
        let name: String
        let state: String
        let cpuSeconds: Double

        init?(_ path: String) {
            guard let text = try? String(contentsOfFile: path, encoding: .utf8),  // gone: nothing is known
                let open = text.firstIndex(of: "("), let end = text.lastIndex(of: ")")
            else { return nil }
            let fields = text[text.index(after: end)...].split(separator: " ")
            guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return nil }
            name = String(text[text.index(after: open)..<end])
            state = String(fields[0])
            cpuSeconds = (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
        }
    }

    /// CPU seconds that a process has used.
    static func cpuSeconds(of processID: Int32) -> Double { Stat("/proc/\(processID)/stat")?.cpuSeconds ?? 0 }

    /// CPU seconds that all processes of the machine have used, since it was started.
    static var machineSeconds: Double {
        guard let text = try? String(contentsOfFile: "/proc/stat", encoding: .utf8),  // closed: nothing is known
            let line = text.split(separator: "\n").first
        else { return 0 }
        // user nice system idle iowait irq softirq steal (proc(5)); what a host takes away is no use either.
        let ticks = line.split(separator: " ").dropFirst().prefix(8).compactMap { Double($0) }
        guard ticks.count == 8 else { return 0 }
        return (ticks.reduce(0, +) - ticks[3] - ticks[4]) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// Its threads by their number.
    static func threads(of processID: Int32) -> [Int32: Thread] {
        let folder = "/proc/\(processID)/task"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []  // gone: none
        var threads: [Int32: Thread] = [:]
        for name in names {
            guard let number = Int32(name), let stat = Stat("\(folder)/\(name)/stat") else { continue }
            threads[number] = Thread(name: stat.name, cpuSeconds: stat.cpuSeconds, waitsForDisk: stat.state == "D")
        }
        return threads
    }

    /// Resident memory in bytes.
    static func residentBytes(of processID: Int32) -> Int {
        guard let text = try? String(contentsOfFile: "/proc/\(processID)/statm", encoding: .utf8) else { return 0 }
        let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}

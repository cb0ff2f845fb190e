import Foundation

/// What a workload took of the machine.
struct Usage: Sendable {
    var seconds = 0.0
    /// CPU seconds.
    var cpuGateway = 0.0
    var cpuBroker = 0.0
    /// The load generator and the simulated devices.
    var cpuClient = 0.0
    /// Everything else on this machine: what a measurement does not want.
    var cpuOthers = 0.0
    /// The gateway's resident memory in bytes, at the end.
    var memory = 0
    var brokerMemory = 0
    /// Transactions of the archive, each synced to disk before anybody is answered.
    var fsyncs = 0
    /// The gateway's thread that worked most: its name and the share of the time.
    var busiestThread = (name: "", share: 0.0)
    /// Share of looks at the gateway's writer that found it waiting for the disk.
    var diskWait = 0.0
}

/// What holds a workload up, from what it took. A guess by simple rules, to know where to look first.
enum Bottleneck {
    static func name(of usage: Usage, cores: Int) -> String {
        guard usage.seconds > 0 else { return "-" }
        let shares = [
            ("gateway", usage.cpuGateway / usage.seconds), ("broker", usage.cpuBroker / usage.seconds),
            ("client", usage.cpuClient / usage.seconds),
        ]
        let used = shares.reduce(0) { $0 + $1.1 }
        func text(_ value: Double) -> String { String(format: "%.2f", value) }
        // Mosquitto has one thread.
        if shares[1].1 > 0.9 { return "CPU of the broker: its one thread is busy \(text(shares[1].1)) of the time" }
        if used > 0.85 * Double(cores) {
            let most = shares.max { $0.1 < $1.1 } ?? ("", 0)
            return "CPU of the \(most.0): \(text(most.1)) of \(cores) cores, all together \(text(used))"
        }
        if usage.busiestThread.share > 0.9 {
            return "CPU of the gateway: its thread \(usage.busiestThread.name) is busy"
        }
        let others = usage.cpuOthers / usage.seconds
        if used + others > 0.85 * Double(cores) {
            return "other processes of this machine take \(text(others)) of \(cores) cores: measure again without them"
        }
        if usage.diskWait > 0.4 {
            return "fsync: the gateway's writer waits for the disk \(Int(usage.diskWait * 100)) % of the time"
        }
        return
            "nothing is busy: gateway \(text(shares[0].1)), broker \(text(shares[1].1)), client \(text(shares[2].1)) "
            + "of \(cores) cores, writer waits for the disk \(Int(usage.diskWait * 100)) % of the time"
    }
}

/// Measures ``Usage`` from its making to ``finish()``.
final class UsageMeter: Sendable {
    private let gateway: BenchGateway
    private let start = Monotonic.now
    private let before: Before
    /// How often the writer was looked at, and how often it waited.
    private let looks: Task<(count: Int, waiting: Int), Never>

    private struct Before: Sendable {
        let gateway: Double
        let broker: Double
        let client: Double
        let machine: Double
        let transactions: Int
        let threads: [Int32: Double]
    }

    private static let writer = "pushgate.writer"

    init(_ gateway: BenchGateway) async throws {
        self.gateway = gateway
        let processID = gateway.processID
        before = Before(
            gateway: ProcessFigures.cpuSeconds(of: processID),
            broker: gateway.brokerProcessID.map(ProcessFigures.cpuSeconds(of:)) ?? 0,
            client: ProcessFigures.cpuSeconds(of: getpid()), machine: ProcessFigures.machineSeconds,
            transactions: try await gateway.transactions(),
            threads: ProcessFigures.threads(of: processID).mapValues(\.cpuSeconds))
        looks = Task {
            var (count, waiting) = (0, 0)
            while !Task.isCancelled {
                let writer = ProcessFigures.threads(of: processID).values.first { $0.name == Self.writer }
                count += 1
                if writer?.waitsForDisk == true { waiting += 1 }
                try? await Task.sleep(for: .milliseconds(50))  // cancelled: the loop ends
            }
            return (count, waiting)
        }
    }

    func finish() async throws -> Usage {
        let processID = gateway.processID
        var usage = Usage()
        usage.seconds = Double(Monotonic.now - start) / 1e9
        usage.cpuGateway = ProcessFigures.cpuSeconds(of: processID) - before.gateway
        usage.cpuClient = ProcessFigures.cpuSeconds(of: getpid()) - before.client
        if let broker = gateway.brokerProcessID {
            usage.cpuBroker = ProcessFigures.cpuSeconds(of: broker) - before.broker
            usage.brokerMemory = ProcessFigures.residentBytes(of: broker)
        }
        let own = usage.cpuGateway + usage.cpuBroker + usage.cpuClient
        usage.cpuOthers = max(0, ProcessFigures.machineSeconds - before.machine - own)
        usage.memory = ProcessFigures.residentBytes(of: processID)
        for (number, thread) in ProcessFigures.threads(of: processID) {
            let share = (thread.cpuSeconds - (before.threads[number] ?? 0)) / max(0.001, usage.seconds)
            if share > usage.busiestThread.share { usage.busiestThread = (thread.name, share) }
        }
        looks.cancel()
        let seen = await looks.value
        if seen.count > 0 { usage.diskWait = Double(seen.waiting) / Double(seen.count) }
        usage.fsyncs = try await gateway.transactions() - before.transactions
        return usage
    }
}

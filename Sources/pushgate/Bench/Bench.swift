import ArgumentParser
import Foundation
import PushGateClient
import PushSimulators

/// `pushgate bench`
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure this machine.",
        discussion: """
            Workloads, each with a gateway of its own:

            single: messages from an app over HTTP, each to one of 64 connected devices that acknowledge; and once more \
            at half of the rate that was found.
            batch: the same, 100 messages a call.
            group: to a group of 500 members, all online; copies are counted.
            uplink: devices write to each other over MQTT.
            broadcast: to everyone of a tenant: how long until all who are online have it, against the broker alone; and \
            the first vendor push to who is not.
            register: devices that register. reconnect: devices that all come back at once.
            sync, history: pages of 100 while the archive grows.
            memory: of a gateway with many devices, and the disk that a group message takes for each member.
            start: until a gateway with a large archive is ready.
            accept: the way into the archive alone, to people without a device.

            Only when named, since they take minutes:

            fallback: pushes to phones that are away, through the vendor simulator: pushes a second from the queue to the \
            vendor's answer, the time from the deadline to the vendor's request at 1 000 a second, and a kill -9 while \
            many wait.
            faults: a vendor goes wrong in one way after the other while pushes wait for it and another vendor gets a \
            steady rate: whether every push is shown once in the end, the vendor is left alone for as long as it asks, \
            and the other one does not notice.

            Everything runs on this machine: gateway and broker as processes of their own, load generator and devices in \
            this one. Every message is synced to disk before it is answered. The ratio is the rate divided by that of the \
            same Mosquitto alone, without plugin and persistence, in the same run: QoS 1, one publisher with a window of \
            1000, as many subscribing connections, payloads of the same size. Every accepted message is counted at the \
            receiving devices: a run that lost or doubled one exits 1. fsyncs are the archive's transactions, each of \
            which is synced.
            """)

    @Argument(help: "Workloads; none: all but fallback and faults.")
    var workloads: [Workload] = []
    @OptionGroup(title: "Sizes")
    var sizes: BenchSizes
    @OptionGroup(title: "fallback and faults")
    var vendors: VendorSizes
    @Flag(help: "Print JSON.")
    var json = false
    @Option(help: "JSON of an earlier run: exit 1 when a ratio fell by more than 15 % on the same machine.")
    var baseline: String?
    @Option(help: "The measured commit, for the report.")
    var commit: String?

    enum Workload: String, ExpressibleByArgument, CaseIterable {
        case single, batch, group, uplink, broadcast, register, reconnect, sync, history, memory, start, accept
        case fallback, faults

        static let usual = allCases.filter { $0 != .fallback && $0 != .faults }
    }

    func run() async throws {
        BenchMachine.raiseFileLimit()
        let earlier = try baseline.map { try JSONValue(parsing: Array(Data(contentsOf: URL(fileURLWithPath: $0)))) }
        let wanted =
            workloads.isEmpty
            ? Workload.usual
            : workloads.reduce(into: []) { wanted, workload in
                if !wanted.contains(workload) { wanted.append(workload) }
            }
        let raw = RawReference(seconds: sizes.rawSeconds, progress: Self.progress)
        var rows: [any BenchRow] = []
        let bench = BenchRun(
            sizes: sizes, vendors: vendors, wanted: wanted, raw: raw, progress: Self.progress)
        for workload in wanted {
            Self.progress("== \(workload.rawValue)")
            let found = try await bench.run(workload)
            for row in found { row.lines.forEach(Self.progress) }
            rows += found
        }
        if await raw.first == nil {
            _ = try await raw.figures(subscribers: sizes.devices, payloadBytes: sizes.bytes + Self.envelopeBytes)
        }
        let report = BenchReport(
            machine: BenchMachine.description, settings: settings, commit: commit, raw: await raw.first, rows: rows)
        print(json ? report.json.description : report.table)
        try judge(report, earlier)
    }

    /// What a message has around its content when it reaches a device, about.
    private static let envelopeBytes = 230

    private func judge(_ report: BenchReport, _ earlier: JSONValue?) throws {
        var isFailed = false
        for row in report.rows where row.isWrong {
            Self.progress("WRONG: \(row.lines.first ?? "")")
            isFailed = true
        }
        if let earlier {
            let falls = RatioComparison.falls(
                from: earlier, to: report.rows.compactMap(\.ratio), machine: report.machine)
            for fall in falls { Self.progress("SLOWER: \(fall)") }
            isFailed = isFailed || !falls.isEmpty
        }
        if isFailed { throw ExitCode.failure }
    }

    private var settings: String {
        let folder = NSTemporaryDirectory()
        let disk = BenchMachine.isMemory(folder) ? "; \(folder) IS IN MEMORY: syncs cost nothing, set TMPDIR" : ""
        return "synchronous=FULL, QoS 1, \(sizes.connections) HTTP connections, \(sizes.bytes) bytes of text, "
            + "\(sizes.seconds) s, everything on this machine\(disk)"
    }

    @Sendable private static func progress(_ text: String) {
        FileHandle.standardError.write(Data("\(text)\n".utf8))
    }
}

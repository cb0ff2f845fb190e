import ArgumentParser
import Foundation
import Glibc
import PushGateClient

/// `pushgate torture`, run by `deploy/torture`.
struct Torture: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let everything go wrong under load, and count what came of each message.",
        discussion: """
            A ledger in a process of its own knows every attempt, answer and receipt. At the end nothing accepted may be \
            lost, stuck or missing from the archive, nobody may have what was not meant for them, and no person may see \
            anything twice: otherwise exit code 1, with the ids and their traces. The choices are those of the seed, \
            which is printed.

            Faults: \(TorturePlan.Fault.allCases.map(\.rawValue).joined(separator: ", ")). --short has each of them, \
            some less often; there the 2000 sessions are there for the reload alone. A full disk needs the right to \
            mount, a call of the store that fails needs strace: otherwise they are skipped, which the table says.
            """, shouldDisplay: false)

    @Flag(help: "The full counts (an hour and a half) instead of five minutes.")
    var full = false
    @Flag(help: "Five minutes. The default.")
    var short = false
    @Option(help: "Makes the same choices again. (default: any)")
    var seed: UInt64?
    @Option(help: "Messages a second.")
    var rate = 500
    @Option(help: "Devices.")
    var devices = 300
    @Option(help: "Tenants.")
    var tenants = 5
    @Option(
        help: "Connected devices beside them that nobody writes to, when the broker is told to reload. (default: 1750)")
    var quietSessions: Int?
    @Option(help: "Only these faults, separated by commas.")
    var only: String?
    @Option(help: "How often each fault, instead of the profile's counts.")
    var times: Int?
    @Option(help: "Seconds that deliveries may take after the last fault.")
    var settle = 180
    @Option(help: "Where to work; it is removed afterwards when nothing was wrong. (default: a temporary folder)")
    var folder: String?
    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard rate > 0, tenants > 0, devices >= 12 * tenants, settle > 0 else {
            throw ValidationError("At least one message a second, one tenant, and twelve devices a tenant.")
        }
        guard !(full && short) else { throw ValidationError("Either --full or --short.") }
        _ = try plan()
    }

    private func plan() throws -> TorturePlan {
        var plan = full ? TorturePlan.full : TorturePlan.short
        if let only {
            let names = only.split(separator: ",").map(String.init)
            let known = TorturePlan.Fault.allCases.map(\.rawValue)
            if let unknown = names.first(where: { !known.contains($0) }) {
                throw ValidationError("There is no \(unknown) among \(known.joined(separator: ", ")).")
            }
            plan.counts = plan.counts.filter { names.contains($0.key.rawValue) }
        }
        if let quietSessions { plan.quietSessions = quietSessions }
        if let times { plan.counts = plan.counts.mapValues { _ in times } }
        return plan
    }

    func run() async throws {
        try await reportingFaults {
            let seed = seed ?? UInt64.random(in: 0...UInt64(UInt32.max))
            let path =
                folder
                ?? FileManager.default.temporaryDirectory.appending(path: "pushgate-torture-\(getpid())").path
            progress("seed \(seed)   (repeat with --seed \(seed))")
            let result = try await TortureRun(
                plan: plan(), seed: seed, rate: rate,
                world: .init(tenants: tenants, devices: devices),
                settle: .seconds(settle), folder: path,
                progress: progress
            ).run()
            say(json ? result.json.description : result.table)
            guard result.isGood else {
                progress("seed \(seed) has gone wrong: everything about it is in \(path)")
                throw ExitCode.failure
            }
            try? FileManager.default.removeItem(atPath: path)  // what is left does no harm
        }
    }

    @Sendable private func progress(_ text: String) { FileHandle.standardError.write(Data("\(text)\n".utf8)) }
}

import AsyncHTTPClient
import Foundation
import PushGateClient

/// One run from the first process to the report.
struct TortureRun {
    let plan: TorturePlan
    let seed: UInt64
    let rate: Int
    let world: TortureWorld.Settings
    let settle: Duration
    let folder: String
    let progress: @Sendable (String) -> Void

    /// How long senders may try after the last fault.
    private static let patience = Duration.seconds(90)

    func run() async throws -> TortureResult {
        let stage = try TortureStage(folder: folder)
        do {
            let result = try await run(on: stage)
            if !result.isGood { stage.keepData() }
            await stage.tearDown()
            return result
        } catch {
            progress("the gateway's last words:\n" + stage.lastLog)
            stage.keepData()
            await stage.tearDown()
            throw error
        }
    }

    private func run(on stage: TortureStage) async throws -> TortureResult {
        let began = ContinuousClock.now
        let progress = { @Sendable [progress] (text: String) in
            progress("\(Int((ContinuousClock.now - began) / .seconds(1))) s: \(text)")
        }
        let ledger = try LedgerPipe(outputFile: folder + "/ledger.json")
        let client = HTTPClient(configuration: Self.clientConfiguration)
        defer { Task { try? await client.shutdown() } }  // the process ends anyway
        let loops = [try ClientLoop(), try ClientLoop()]

        try await stage.startSimulator()
        try stage.startGateway()
        try await stage.untilReady()
        progress("registering \(world.devices) devices of \(world.tenants) tenants")
        let people = try await TortureWorld(
            world, seed: seed, stage: stage, loops: loops, client: client, ledger: ledger)
        try await people.putVendorSettings()
        let connecting = people.devices.filter(\.behaviour.connects)
        for device in connecting { try device.comeOnline() }
        _ = try await stage.waitFor("the devices to connect", within: .seconds(60)) {
            connecting.allSatisfy(\.isConnected) ? true : nil
        }

        let needsQuiet = plan.counts[.brokerReload] ?? 0 > 0
        if needsQuiet { progress("registering \(plan.quietSessions) more") }
        let quiet = try await QuietSessions(
            needsQuiet ? plan.quietSessions : 0, of: people.tenants[0], at: GatewayAPI(stage.url, client: client))

        let load = TortureLoad(world: people, seed: seed, rate: rate, ledger: ledger)
        let director = FaultDirector(
            stage: stage, world: people, load: load, quiet: quiet, plan: plan, seed: seed
        ) { text in
            let counters = load.counters
            progress("\(text)   (\(counters.accepted) accepted, \(counters.underWay) under way)")
        }
        let patience = Self.patience
        let sendingBegan = ContinuousClock.now
        let sending = Task { await load.run(patience: patience) }
        let flushing = Task {
            while !Task.isCancelled {
                ledger.flush()
                try? await Task.sleep(for: .milliseconds(100))  // throws on cancellation only
            }
        }
        let wandering = connecting.filter { $0.behaviour == .wanders }.map { device in Task { await device.wander() } }
        defer { for task in wandering + [sending, flushing] { task.cancel() } }
        try await director.run()
        await quiet.disconnect()

        let sendingSeconds = Int((ContinuousClock.now - sendingBegan) / .seconds(1))
        progress("no more faults: waiting for what is under way")
        sending.cancel()
        await sending.value
        for task in wandering { task.cancel() }
        for task in wandering { await task.value }
        for device in connecting { try device.comeOnline() }
        let settlement = try await TortureAudit(stage: stage, world: people, ledger: ledger, progress: progress)
            .settle(within: settle)
        try await TortureAudit(stage: stage, world: people, ledger: ledger, progress: progress).readEverything()
        let report = try await ledger.report(pushes: stage.pushesFile, within: .seconds(120))
        let traces = await TortureTraces(stage: stage).of(report)
        await quiet.end()
        for loop in loops { await loop.shutdown(drain: .zero) }
        return TortureResult(
            seed: seed, plan: plan, done: director.done, skipped: director.skipped, report: report, traces: traces,
            sending: load.counters, devices: people.devices, lastRepeat: load.lastRepeat, settlement: settlement,
            sendingSeconds: sendingSeconds,
            seconds: Int((ContinuousClock.now - began) / .seconds(1)))
    }

    private static var clientConfiguration: HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration()
        // Somebody who comes back asks at once.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        return configuration
    }
}

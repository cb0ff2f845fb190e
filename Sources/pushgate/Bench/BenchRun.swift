import PushGateClient
import PushSimulators

/// Runs one workload after the other, each with a gateway of its own.
struct BenchRun {
    let sizes: BenchSizes
    let vendors: VendorSizes
    let wanted: [Bench.Workload]
    let raw: RawReference
    let progress: @Sendable (String) -> Void

    func run(_ workload: Bench.Workload) async throws -> [any BenchRow] {
        switch workload {
        case .accept: try await send(.accept(sizes), devices: sizes.devices)
        case .single: try await send(.single(sizes), devices: sizes.devices)
        case .batch: try await send(.batch(sizes), devices: sizes.devices)
        case .group: try await sendToGroup()
        case .uplink: try await onStage { try await UplinkWorkload(sizes: sizes).run($0, raw: raw) }
        case .broadcast: try await broadcast()
        case .register: try await onStage { try await RegisterWorkload(sizes: sizes).run($0) }
        case .reconnect: try await onStage { try await ReconnectWorkload(sizes: sizes).run($0) }
        case .sync, .history: try await pages(workload)
        case .memory: try await onStage { try await MemoryWorkload(sizes: sizes).run($0) }
        case .start: try await onStage { try await StartWorkload(sizes: sizes).run($0) }
        case .fallback: try await fallback()
        case .faults: try await faults()
        }
    }

    private func onStage(_ body: (BenchStage) async throws -> [WorkloadResult]) async throws -> [any BenchRow] {
        try await BenchStage.run(progress: progress, body)
    }

    private func send(_ workload: SendWorkload, devices: Int) async throws -> [any BenchRow] {
        try await onStage { try await workload.run($0, sizes, devices: devices, raw: raw) }
    }

    private func sendToGroup() async throws -> [any BenchRow] {
        try await onStage { stage in
            _ = try await stage.api.createGroup(
                id: SendWorkload.group, users: (0..<sizes.members).map(BenchDevices.user))
            return try await SendWorkload.group(sizes).run(stage, sizes, devices: sizes.members, raw: raw)
        }
    }

    /// Where both are wanted, they read the same archives: filling those takes longer than reading.
    private func pages(_ workload: Bench.Workload) async throws -> [any BenchRow] {
        let kinds: [PagesWorkload.Kind] = wanted.filter { $0 == .sync || $0 == .history }
            .map { $0 == .sync ? .sync : .history }
        guard workload.rawValue == kinds.first?.rawValue else { return [] }
        return try await PagesWorkload(kinds: kinds, sizes: sizes).run(progress: progress)
    }

    // MARK: With the vendor simulator

    private func broadcast() async throws -> [any BenchRow] {
        try await withSimulator(keptPushes: 2 * sizes.accounts) { simulator, arguments in
            try await BenchStage.run(arguments: arguments, progress: progress) { stage in
                try await BroadcastWorkload(sizes: sizes, simulator: simulator).run(stage, raw: raw)
            }
        }
    }

    private func fallback() async throws -> [any BenchRow] {
        let kept = 2 * max(vendors.jobs, vendors.waiting, sizes.seconds * 1000)
        return try await withSimulator(keptPushes: kept) { simulator, arguments in
            try await onGateway(arguments) { gateway in
                try await FallbackWorkload(
                    gateway: gateway, simulator: simulator, seconds: sizes.seconds, waiting: vendors.waiting,
                    jobs: vendors.jobs, progress: progress
                ).run()
            }
        }
    }

    private func faults() async throws -> [any BenchRow] {
        let modes = try vendors.chosenModes()
        progress("rules: \(FaultRow.rules(floor: vendors.floor, late: vendors.late))\n\(FaultRow.heading)")
        return try await withSimulator(keptPushes: 40 * vendors.pushes, keptRequests: 100 * vendors.pushes) {
            simulator, arguments in
            try await onGateway(arguments) { gateway in
                try await FaultWorkload(
                    gateway: gateway, simulator: simulator, modes: modes, pushes: vendors.pushes, rate: vendors.rate,
                    floor: vendors.floor, late: vendors.late, aloneFor: .seconds(vendors.alone),
                    rounds: vendors.rounds, progress: progress
                ).run()
            }
        }
    }

    private func withSimulator<Value: Sendable>(
        keptPushes: Int, keptRequests: Int = 0, _ body: (VendorSimulator, [String]) async throws -> Value
    ) async throws -> Value {
        var configuration = VendorSimulator.Configuration()
        configuration.keptPushes = keptPushes
        configuration.keptRequests = keptRequests
        // The gateway is restarted within the time for which Apple would want one provider token.
        configuration.providerTokenUpdateSeconds = 0
        let simulator = try await VendorSimulator.start(configuration: configuration)
        do {
            let value = try await body(simulator, ["--allow-private-endpoints", "--ca-file", simulator.caFile])
            try await simulator.shutdown()
            return value
        } catch {
            try? await simulator.shutdown()  // what went wrong first is what matters
            throw error
        }
    }

    private func onGateway<Value: Sendable>(
        _ arguments: [String], _ body: (BenchGateway) async throws -> Value
    ) async throws -> Value {
        let gateway = try await BenchGateway.start(arguments: arguments, progress: progress)
        do {
            let value = try await body(gateway)
            await gateway.stop()
            return value
        } catch {
            await gateway.stop()
            throw error
        }
    }
}

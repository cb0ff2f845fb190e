import Logging
import Synchronization

/// Tells tenants' services what happened: a ``WebhookRunner`` for each tenant that has something to be told, so that one
/// that fails or hangs holds up nobody else.
public final class WebhookDelivery: Sendable {
    private struct Active {
        let runner: WebhookRunner
        let isDown: Bool
    }

    private struct State {
        var active: [TenantKey: Active] = [:]
        /// Those without a runner, first come first served.
        var waiting: [TenantKey] = []
        var rests: [TenantKey: (rest: WebhookLine.Rest, settings: WebhookSettings)] = [:]
        var isStopped = false
    }

    /// Tenants with a runner at once, and those of them whose endpoint is down.
    private static let activeMax = 64
    private static let downMax = 32
    /// For how long a runner goes on while others wait for its place, in milliseconds.
    private static let turn: Int64 = 2000
    private static let pause: Duration = .milliseconds(20)
    private static let finishWithin: Duration = .seconds(12)

    private let around: WebhookRunner.Surroundings
    /// Woken by new events, by changed settings, and when a runner ends.
    private let signal: WakeSignal
    private let state = Mutex(State())

    /// - Parameter signal: is woken when there are new events, or settings have changed.
    public convenience init(
        store: any WebhookDeliveryStore, caller: any CallbackCaller,
        format: @escaping @Sendable (WebhookSettings.Format) -> any WebhookFormat, signal: WakeSignal,
        clock: WallClock, runtime: Runtime = .system, logger: Logger
    ) {
        self.init(
            WebhookRunner.Surroundings(
                store: store, caller: caller, format: format, clock: clock, runtime: runtime,
                start: runtime.now, counters: WebhookCounters(), logger: logger), signal: signal)
    }

    init(_ around: WebhookRunner.Surroundings, signal: WakeSignal) {
        self.around = around
        self.signal = signal
    }

    /// What was done since the start, and what waits.
    public func figures() async throws -> WebhookFigures {
        let counts = try await around.store.webhookCounts()
        var figures = around.counters.figures
        figures.waiting = counts.waiting
        figures.aside = counts.aside
        return figures
    }

    /// Whether a tenant's endpoint fails just now.
    public func isDown(_ tenant: TenantKey) -> Bool { around.counters.isDown(tenant) }

    // MARK: The loop

    /// Runs until the task is cancelled; then nothing new begins, and what is under way ends first.
    public func run() async {
        while !Task.isCancelled {
            var pause: Duration = .seconds(1)
            do {
                pause = try await look()
            } catch {
                if Task.isCancelled { break }
                around.logger.warning("webhooks with work could not be read", metadata: ["error": "\(error)"])
            }
            await signal.wait(atMost: pause)
            // What comes in quick succession is looked at together.
            await around.runtime.sleep(for: Self.pause)
        }
        await finish()
    }

    /// Wakes and starts runners. Returns how long there is nothing else to start.
    private func look() async throws -> Duration {
        let settings = around.store.webhooks()
        around.counters.keep(Set(settings.keys))
        let working = try await around.store.tenantsWithWebhookWork(at: around.clock.now)
        let now = around.now.steady
        return state.withLock { state in
            state.rests = state.rests.filter { settings[$0.key] == $0.value.settings }
            state.waiting.removeAll { settings[$0] == nil }
            var pause: Int64 = 1000
            for tenant in working {
                if let active = state.active[tenant] {
                    active.runner.wake()
                } else if let until = state.rests[tenant]?.rest.until, until > now {
                    pause = min(pause, until - now)
                } else if !state.waiting.contains(tenant) {
                    state.waiting.append(tenant)
                }
            }
            // Also where nothing is new: settings may have been changed or taken away.
            for (tenant, active) in state.active where settings[tenant] == nil { active.runner.wake() }
            startWaiting(in: &state, settings)
            return .milliseconds(pause)
        }
    }

    private func startWaiting(in state: inout State, _ settings: [TenantKey: WebhookSettings]) {
        guard !state.isStopped else { return }
        var down = state.active.values.count { $0.isDown }
        var index = 0
        while index < state.waiting.count, state.active.count < Self.activeMax {
            let tenant = state.waiting[index]
            let rest = state.rests[tenant]?.rest ?? WebhookLine.Rest()
            // Endpoints that are down take long and bring little: some places are for the others.
            guard let own = settings[tenant], !rest.health.isDown || down < Self.downMax else {
                index += 1
                continue
            }
            if rest.health.isDown { down += 1 }
            state.waiting.remove(at: index)
            start(tenant, rest, own, in: &state)
        }
        guard !state.waiting.isEmpty, state.active.count >= Self.activeMax else { return }
        let now = around.now.steady
        for active in state.active.values where now - active.runner.startedAt >= Self.turn { active.runner.stop() }
    }

    private func start(
        _ tenant: TenantKey, _ rest: WebhookLine.Rest, _ settings: WebhookSettings, in state: inout State
    ) {
        let runner = WebhookRunner(tenant, around)
        state.active[tenant] = Active(runner: runner, isDown: rest.health.isDown)
        // Not a child of the loop's task: its cancellation must not break off what is being written.
        around.runtime.start {
            let left = await runner.run(rest, settings: settings)
            self.state.withLock { state in
                state.active[tenant] = nil
                state.rests[tenant] = left == WebhookLine.Rest() ? nil : (left, runner.settings ?? settings)
            }
            self.signal.wake()
        }
    }

    /// What is under way ends and is written down; the rest stays on disk.
    private func finish() async {
        let deadline = around.runtime.now + Self.finishWithin
        let runners = state.withLock { state in
            state.isStopped = true
            return state.active.values.map(\.runner)
        }
        for runner in runners { runner.stop() }
        while state.withLock({ !$0.active.isEmpty }), around.runtime.now < deadline {
            // Cancellation does not end this wait: requests have a time limit of their own.
            await around.runtime.start { await self.signal.wait(atMost: .milliseconds(100)) }.value
        }
    }
}

import Logging
import Synchronization

/// Delivers one tenant's events, for as long as there are any: reads, calls and writes what its ``WebhookLine`` decides.
final class WebhookRunner: Sendable {
    struct Surroundings: Sendable {
        let store: any WebhookDeliveryStore
        let caller: any CallbackCaller
        let format: @Sendable (WebhookSettings.Format) -> any WebhookFormat
        let clock: WallClock
        let runtime: Runtime
        /// Of steady time.
        let start: ContinuousClock.Instant
        let counters: WebhookCounters
        let logger: Logger
        var pace = WebhookPace()
        /// For one request.
        var timeout: Duration = .seconds(10)
        /// How long a line without work is kept.
        var linger: Int64 = 1000

        var now: WebhookMoment {
            let passed = (runtime.now - start).components
            return WebhookMoment(
                wall: clock.now, steady: passed.seconds * 1000 + passed.attoseconds / 1_000_000_000_000_000)
        }
    }

    private struct Result: Sendable {
        let number: Int
        let outcome: WebhookLine.Outcome
        let request: WebhookRequest?
    }

    private struct Mailbox {
        var results: [Result] = []
        var hasNews = false
        var isStopping = false
    }

    let tenant: TenantKey
    let startedAt: Int64
    private let around: Surroundings
    private let signal: WakeSignal
    private let mailbox = Mutex(Mailbox())
    private let used = Mutex<WebhookSettings?>(nil)

    /// The settings that it last worked with.
    var settings: WebhookSettings? { used.withLock { $0 } }

    init(_ tenant: TenantKey, _ around: Surroundings) {
        self.tenant = tenant
        self.around = around
        signal = WakeSignal(runtime: around.runtime)
        startedAt = around.now.steady
    }

    /// There is something new for this tenant.
    func wake() {
        mailbox.withLock { $0.hasNews = true }
        signal.wake()
    }

    /// Nothing new begins; it ends when what is under way has.
    func stop() {
        mailbox.withLock { $0.isStopping = true }
        signal.wake()
    }

    // MARK: The loop

    /// Returns when nothing is left to do for now, with what the next one goes on with.
    func run(_ rest: WebhookLine.Rest, settings first: WebhookSettings) async -> WebhookLine.Rest {
        var settings = first
        used.withLock { $0 = first }
        guard let cursor = await cursor() else {
            // Taken away, or not to be read just now.
            var later = rest
            later.until = max(rest.until ?? .min, around.now.steady + around.linger)
            return later
        }
        var line = WebhookLine(cursor: cursor, eventsMax: eventsMax(settings), rest: rest, pace: around.pace)
        var log: [WebhookRequest] = []
        var idleSince: Int64?
        while true {
            takeResults(into: &line, &log)
            if let current = around.store.webhook(of: tenant) {
                if current != settings {
                    settings = current
                    used.withLock { $0 = current }
                    line.changeEndpoint(eventsMax: eventsMax(current))
                    // Taken away and set anew: a new one is told what happens from now on.
                    if let latest = await self.cursor(), latest > line.reading.through { line.isDraining = true }
                }
            } else {
                line.isDraining = true
            }
            line.tick(at: around.now)
            await read(into: &line, settings)
            while let request = line.next(at: around.now) { start(request, settings) }
            note(line.health)
            let mayEnd = line.requests.isEmpty && mailbox.withLock { $0.results.isEmpty }
            await settle(&line, &log, isLast: mayEnd)
            if mayEnd, isOver(line, &idleSince) { return line.rest(at: around.now) }
            let now = around.now
            await signal.wait(atMost: .milliseconds(line.nextMoment(after: now) - now.steady))
        }
    }

    private func eventsMax(_ settings: WebhookSettings) -> Int {
        around.format(settings.format).eventsMax(settings)
    }

    /// Whether there is nothing left to wait for.
    private func isOver(_ line: WebhookLine, _ idleSince: inout Int64?) -> Bool {
        if line.isToRest(at: around.now, linger: around.linger) { return true }
        let now = around.now.steady
        guard line.isEmpty else {
            idleSince = nil
            return false
        }
        let since = idleSince ?? now
        idleSince = since
        return now - since >= around.linger
    }

    private func takeResults(into line: inout WebhookLine, _ log: inout [WebhookRequest]) {
        let (results, hasNews, isStopping) = mailbox.withLock { mailbox in
            defer { (mailbox.results, mailbox.hasNews) = ([], false) }
            return (mailbox.results, mailbox.hasNews, mailbox.isStopping)
        }
        for result in results {
            line.finish(result.number, result.outcome, at: around.now)
            if let request = result.request { log.append(request) }
        }
        if hasNews { line.wake() }
        if isStopping { line.isDraining = true }
    }

    private func note(_ health: EndpointHealth) {
        guard around.counters.note(tenant, isDown: health.isDown) else { return }
        if health.isDown {
            around.logger.warning(
                "a webhook's endpoint fails and is tried now and then", metadata: ["tenant": "\(tenant.rawValue)"])
        } else {
            around.logger.notice("a webhook's endpoint is back", metadata: ["tenant": "\(tenant.rawValue)"])
        }
    }

    // MARK: Requests

    private func start(_ request: WebhookLine.Request, _ settings: WebhookSettings) {
        around.runtime.start { [self] in
            let result = await perform(request, settings)
            mailbox.withLock { $0.results.append(result) }
            signal.wake()
        }
    }

    private func perform(_ request: WebhookLine.Request, _ settings: WebhookSettings) async -> Result {
        let events: [WebhookEvent]
        let made: CallbackRequest?
        let now = around.now
        do {
            // As they are now: what was erased since they happened, or is not wanted any more, is not told.
            events = try await around.store.webhookEvents(of: tenant, at: request.positions)
                .filter { settings.wants($0.type) }
            guard !events.isEmpty else { return Result(number: request.number, outcome: .needless, request: nil) }
            made = try await around.format(settings.format).request(for: events, settings: settings, now: now.wall)
        } catch {
            around.logger.warning("webhook events could not be read", metadata: ["error": "\(error)"])
            return Result(number: request.number, outcome: .unread, request: nil)
        }
        guard let outgoing = made, let first = events.first, let last = events.last else {
            return Result(number: request.number, outcome: .needless, request: nil)
        }
        let answer = await around.caller.post(outgoing, within: around.timeout)
        around.counters.count(answer, events: events.count)
        let (outcome, status, reason) = Self.meaning(of: answer)
        return Result(
            number: request.number, outcome: outcome,
            request: WebhookRequest(
                at: now.wall, firstPosition: first.position, lastPosition: last.position, events: events.count,
                attempt: request.attempt, status: status, milliseconds: around.now.steady - now.steady,
                reason: reason))
    }

    /// In seconds. More is not asked for in earnest; ``WebhookPace/pauseMax`` is less.
    private static let retryAfterMax = 86_400

    private static func meaning(
        of answer: CallbackAnswer
    ) -> (outcome: WebhookLine.Outcome, status: Int?, reason: String?) {
        switch answer {
        case .answered(let status, _, _) where answer.isSuccess: return (.delivered, status, nil)
        case .answered(let status, _, let after):
            // Other answers' wishes are not about the pace.
            let retryAfter =
                status == 429 || status == 503 ? after.map { Int64(min(max($0, 0), retryAfterMax)) * 1000 } : nil
            return (.failed(status: status, reason: nil, retryAfter: retryAfter), status, nil)
        case .failed(let reason): return (.failed(status: nil, reason: reason, retryAfter: nil), nil, reason)
        }
    }

    // MARK: Reading and writing

    private static let readsMax = 8

    private func read(into line: inout WebhookLine, _ settings: WebhookSettings) async {
        do {
            for _ in 0..<Self.readsMax {
                guard let need = line.need(at: around.now) else { return }
                try await answer(need, into: &line, settings)
            }
        } catch {
            around.logger.warning("webhook events could not be read", metadata: ["error": "\(error)"])
            await signal.wait(atMost: .seconds(1))
        }
    }

    private func answer(
        _ need: WebhookLine.Need, into line: inout WebhookLine, _ settings: WebhookSettings
    ) async throws {
        let store = around.store
        switch need {
        case .lanes(let after, let limit):
            let accounts = try await store.webhookAccountsInLine(of: tenant, after: after, limit: limit)
            line.admit(lanes: accounts, isAll: accounts.count < limit)
        case .lane(let account, let after, let limit):
            let rows = try await store.webhookRowsInLine(of: tenant, account: account, after: after, limit: limit)
            line.admit(
                rows: try await returning(rows, settings), of: account, isAll: rows.count < limit, at: around.now)
        case .due(let limit):
            let now = around.now
            let rows = try await store.dueWebhookRows(of: tenant, at: now.wall, limit: limit)
            line.admit(due: try await returning(rows, settings), isAll: rows.count < limit, at: now)
        case .tail(let after, let limit):
            let events = try await store.webhookEvents(of: tenant, after: after, type: nil, limit: limit)
            line.admit(
                tail: events.map { Self.candidate($0, settings) }, isAll: events.count < limit, at: around.now)
        }
    }

    private func returning(
        _ rows: [WebhookRetry], _ settings: WebhookSettings
    ) async throws -> [WebhookLine.Returning] {
        guard !rows.isEmpty else { return [] }
        let events = try await around.store.webhookEvents(of: tenant, at: rows.map(\.position).sorted())
        let known = Dictionary(events.map { ($0.position, $0) }) { first, _ in first }
        return rows.map { row in
            WebhookLine.Returning(row: row, event: known[row.position].map { Self.candidate($0, settings) })
        }
    }

    private static func candidate(_ event: WebhookEvent, _ settings: WebhookSettings) -> WebhookLine.Candidate {
        WebhookLine.Candidate(
            position: event.position, account: event.account, message: event.message?.key, at: event.at,
            bytes: 512 + (event.message?.content?.bytes.count ?? 0), isWanted: settings.wants(event.type))
    }

    private func cursor() async -> Int64? {
        do {
            return try await around.store.webhookCursor(of: tenant)
        } catch {
            around.logger.warning("a webhook's cursor could not be read", metadata: ["error": "\(error)"])
            return nil
        }
    }

    /// Writes what a round came to, until it is on disk: until then nothing new begins.
    private func settle(_ line: inout WebhookLine, _ log: inout [WebhookRequest], isLast: Bool) async {
        let decided = line.settlement(at: around.now, isLast: isLast)
        guard decided != nil || !log.isEmpty else { return }
        var outcome = decided ?? WebhookSettlement()
        outcome.requests = log
        log = []
        for number in 0... {
            do {
                try await around.store.settle(outcome, of: tenant)
                break
            } catch {
                // What a stopping gateway cannot write is sent again after its next start.
                if number >= 2, mailbox.withLock({ $0.isStopping }) { break }
                around.logger.warning("webhook deliveries could not be written", metadata: ["error": "\(error)"])
                await signal.wait(atMost: .seconds(1))
            }
        }
        if decided != nil { line.settled() }
    }
}

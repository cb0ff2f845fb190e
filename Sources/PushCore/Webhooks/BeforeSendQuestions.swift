import Logging
import PushCredentials
import Synchronization

/// What became of questions, in figures.
public struct BeforeSendFigures: Sendable, Equatable {
    /// By outcome: `allowed`, `denied`, `dropped`, `replaced`, `failed` (no usable answer), `skipped` (not asked: the
    /// service does not answer), `refused` (too many questions were open).
    public var outcomes: [String: Int] = [:]
    static let outcomeNames = ["allowed", "denied", "dropped", "replaced", "failed", "skipped", "refused"]
    /// Tenants whose service is left alone because it does not answer.
    public var broken = 0
    /// Questions under way.
    public var open = 0

    public init() {}
}

/// Asks tenants' services before messages are archived. Senders do not wait for each other's question; a service that
/// does not answer costs each of its own tenant's senders ``timeout`` at most, and soon nothing (``QuestionCircuit``).
public final class BeforeSendQuestions: BeforeSend {
    private struct State {
        var circuits: [TenantKey: QuestionCircuit] = [:]
        var outcomes: [String: Int] = [:]
    }

    static let timeout: Duration = .seconds(2)
    /// A failure that took this long made its sender wait.
    static let slow: Duration = .seconds(1)

    private let settings: @Sendable (TenantKey) -> WebhookSettings?
    private let callback: TencentCallbackForm
    private let caller: any CallbackCaller
    private let limits: Limits
    private let clock: WallClock
    private let monotonic: @Sendable () -> ContinuousClock.Instant
    private let logger: Logger
    private let state = Mutex(State())

    /// - Parameters:
    ///   - settings: of a tenant's webhook, from memory.
    ///   - callback: writes and reads Tencent's form.
    public init(
        settings: @escaping @Sendable (TenantKey) -> WebhookSettings?, callback: TencentCallbackForm,
        caller: any CallbackCaller, limits: Limits, clock: WallClock, logger: Logger,
        monotonic: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.settings = settings
        self.callback = callback
        self.caller = caller
        self.limits = limits
        self.clock = clock
        self.logger = logger
        self.monotonic = monotonic
    }

    public func isWanted(by tenant: Tenant) -> Bool { settings(tenant.key)?.beforeSend ?? false }

    public func ask(
        _ question: MessageQuestion, from tenant: Tenant
    ) async throws(GatewayError) -> BeforeSendVerdict {
        guard let settings = settings(tenant.key), settings.beforeSend else { return .allow }
        // What this form has no question for: a send to many in Tencent's.
        guard let request = request(question, settings: settings, tenant: tenant) else { return .allow }
        let begun = monotonic()
        switch state.withLock({ $0.circuits[tenant.key, default: QuestionCircuit()].admit(at: begun) }) {
        case .ask: break
        case .broken:
            count("skipped")
            return Self.unanswered(settings)
        case .tooMany:
            count("refused")
            throw GatewayError(
                .overloaded, "Too many messages wait for the tenant's service.", retryAfterSeconds: 1)
        }
        let verdict = await answer(to: request, question, settings, tenant)
        let isChanged = state.withLock {
            let now = monotonic()
            let isSlow = now - begun >= Self.slow
            return $0.circuits[tenant.key, default: QuestionCircuit()].end(
                verdict != nil ? .answered : isSlow ? .slowFailure : .quickFailure, at: now)
        }
        if isChanged { note(isAnswering: verdict != nil, tenant) }
        guard let verdict else {
            count("failed")
            return Self.unanswered(settings)
        }
        count(Self.name(of: verdict))
        return verdict
    }

    public func figures() -> BeforeSendFigures {
        state.withLock { state in
            var figures = BeforeSendFigures()
            figures.outcomes = state.outcomes
            figures.broken = state.circuits.values.count(where: \.isBroken)
            figures.open = state.circuits.values.reduce(0) { $0 + $1.openCount }
            return figures
        }
    }

    /// Whether a tenant's service is left alone because it does not answer.
    public func isBroken(_ tenant: TenantKey) -> Bool { state.withLock { $0.circuits[tenant]?.isBroken ?? false } }

    // MARK: One question

    private func request(
        _ question: MessageQuestion, settings: WebhookSettings, tenant: Tenant
    ) -> CallbackRequest? {
        let now = clock.now
        switch settings.format {
        case .tencent: return callback.question(question, settings: settings, now: now)
        case .standard:
            let body = BeforeSendForm.body(question, now: now)
            // Of one question: a sender who repeats asks another one.
            let id = "ask_\(question.message.id)_\(String(UInt64.random(in: .min ... .max), radix: 36))"
            let signature = WebhookSecret(settings.secret)?.signature(
                id: id, timestampSeconds: now / 1000, body: body)
            return CallbackRequest(
                url: settings.url,
                fields: [
                    ("webhook-id", id), ("webhook-timestamp", String(now / 1000)),
                    ("webhook-signature", signature ?? ""),
                ], body: body)
        }
    }

    /// nil where there is no usable answer.
    private func answer(
        to request: CallbackRequest, _ question: MessageQuestion, _ settings: WebhookSettings, _ tenant: Tenant
    ) async -> BeforeSendVerdict? {
        let answer = await caller.post(request, within: Self.timeout)
        guard answer.isSuccess, case .answered(_, let body, _) = answer else { return nil }
        let verdict =
            settings.format == .tencent
            ? callback.verdict(body, about: question) : BeforeSendForm.verdict(body)
        if case .replace(let type, let content) = verdict {
            let limits = limits.effective(for: tenant)
            guard ContentRules.accepts(content, type: type ?? question.message.type, limits: limits) else { return nil }
        }
        return verdict
    }

    private static func unanswered(_ settings: WebhookSettings) -> BeforeSendVerdict {
        switch settings.onFailure {
        case .allow: .allow
        case .deny:
            .deny(
                GatewayError.Denial(code: nil, number: TencentCallbackForm.blockedNumber),
                reason: "The tenant's service did not answer, and the tenant wants no message without its word.")
        }
    }

    // MARK: Figures

    private static func name(of verdict: BeforeSendVerdict) -> String {
        switch verdict {
        case .allow: "allowed"
        case .deny: "denied"
        case .drop: "dropped"
        case .replace: "replaced"
        }
    }

    private func count(_ outcome: String) { state.withLock { $0.outcomes[outcome, default: 0] += 1 } }

    private func note(isAnswering: Bool, _ tenant: Tenant) {
        if isAnswering {
            logger.notice("a before-send service answers again", metadata: ["tenant": "\(tenant.tenantNo)"])
        } else {
            logger.warning(
                "a before-send service does not answer and is left alone for a while",
                metadata: ["tenant": "\(tenant.tenantNo)"])
        }
    }
}

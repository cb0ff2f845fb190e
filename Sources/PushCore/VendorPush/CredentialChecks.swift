/// Whether the vendors take the stored credentials, found out with calls that deliver nothing, or one push to one
/// token that the caller names.
public struct CredentialChecks: Sendable {
    private let settings: PushSettings
    private let store: any DeliveryStore
    private let queue: PushQueue
    private let tenants: @Sendable (TenantKey) -> Tenant?
    private let apps: @Sendable (AppKey, TenantKey) -> App?
    private let ids: IDGenerator
    private let clock: WallClock
    private let answerSeconds: Duration

    /// Checks of all credentials that are under way at once.
    private static let concurrentMax = 8
    /// All of them together; what has not begun then is told as not checked.
    private static let wholeSeconds: Duration = .seconds(60)

    /// - Parameter answerSeconds: how long a vendor may take.
    public init(
        settings: PushSettings, store: any DeliveryStore, queue: PushQueue, access: any AccessStore, ids: IDGenerator,
        clock: WallClock, answerSeconds: Duration = .seconds(12)
    ) {
        self.settings = settings
        self.store = store
        self.queue = queue
        tenants = { access.tenant(key: $0) }
        apps = { app, tenant in access.apps(of: tenant).first { $0.key == app } }
        self.ids = ids
        self.clock = clock
        self.answerSeconds = answerSeconds
    }

    // MARK: One credential

    /// `POST /v1/settings/push/{vendor}/test`: sends to one token, or with `dryRun` only asks. An accepted push starts
    /// a stopped credential again; a good answer to a dry run only one that was refused, where the vendor was asked in the
    /// call that refuses. A bad answer changes nothing, neither credential nor token. Throws `not_found` where nothing is
    /// stored.
    public func test(_ body: RawJSON, vendor name: String, appID: String?, as principal: Principal)
        async throws
        -> RawJSON
    {
        let stored = try await settings.stored(vendor: name, appID: appID, as: principal)
        let (push, isDryRun) = try request(body, vendor: stored.vendor, tenant: principal.tenant)
        let answer = await ask(stored) { sender in
            isDryRun ? await sender.check(push) : await sender.send(push)
        }
        noteGood(answer, stored, isDryRun: isDryRun)
        return .object { CredentialAnswer(answer).write(into: &$0) }
    }

    private func request(
        _ body: RawJSON, vendor: Vendor, tenant: Tenant
    ) throws(GatewayError) -> (VendorPush, isDryRun: Bool) {
        var reader = try BodyReader(parsing: body)
        let token = reader.required(
            "token", reader.string("token") { (1...PushToken.bytesMax).contains($0.utf8.count) })
        let title = reader.required("title", reader.string("title") { $0.utf8.count <= Self.textBytesMax })
        let text = reader.required("body", reader.string("body") { $0.utf8.count <= Self.textBytesMax })
        let kind = reader.value("kind", expected: "alert or voip") { $0.string.flatMap(PushToken.Kind.init) }
        let environment = reader.value("environment", expected: "production or sandbox") {
            $0.string.flatMap(PushToken.Environment.init)
        }
        let isDryRun = reader.bool("dryRun") ?? false
        try reader.finish()
        let push = push(
            to: PushToken(
                vendor: vendor, token: token ?? "", kind: kind ?? .alert, environment: environment ?? .production),
            title: title ?? "", body: text ?? "", tenant: tenant)
        return (push, isDryRun)
    }

    private static let textBytesMax = 4096

    private func push(to token: PushToken, title: String, body: String, tenant: Tenant) -> VendorPush {
        // A receiver may want to see names here. These are nobody's: a user's id has no slash.
        VendorPush(
            messageID: ids.message(at: clock.now), tenantNo: tenant.tenantNo, account: "acct_test",
            userID: "pushgate/test", deviceID: "dev_test", token: token, title: title, body: body,
            timeToLiveSeconds: 600)
    }

    private func remedy(for found: CredentialAnswer, vendor: Vendor) -> String? {
        found.code.flatMap { Remedies.sentence(for: vendor, code: $0) }
            ?? (found.outcome == "auth" ? Remedies.credential : nil)
    }

    // MARK: All credentials

    /// `POST /v1/admin/push/check`: every stored credential, with a call that delivers nothing. It restarts none.
    public func checkAll() async throws -> RawJSON {
        let all = try await store.vendorSettings()
        let deadline = ContinuousClock.now + Self.wholeSeconds
        var answers: [Int64: VendorAnswer] = [:]
        await withTaskGroup(of: (Int64, VendorAnswer).self) { group in
            var waiting = all.makeIterator()
            func addNext() {
                guard let next = waiting.next() else { return }
                group.addTask {
                    guard ContinuousClock.now < deadline else {
                        return (next.lane, .unknown(VendorReply(code: "not_checked", text: "There was no time left.")))
                    }
                    return (next.lane, await self.check(next))
                }
            }
            for _ in 0..<Self.concurrentMax { addNext() }
            for await (lane, answer) in group {
                answers[lane] = answer
                addNext()
            }
        }
        let states = Dictionary(
            queue.credentials().map { ($0.lane, $0.state) }, uniquingKeysWith: { first, _ in first })
        return .object { writer in
            writer.array("items") { writer in
                for settings in all {
                    guard let answer = answers[settings.lane] else { continue }
                    writer.object { writer in
                        writer.member("tenantNo", tenants(settings.tenantKey)?.tenantNo ?? "")
                        let app = settings.app.flatMap { apps($0, settings.tenantKey) }
                        writer.member("appId", ifPresent: app?.appID)
                        writer.member("vendor", settings.vendor.rawValue)
                        let found = CredentialAnswer(answer)
                        writer.member("outcome", found.outcome)
                        writer.member("code", ifPresent: found.code)
                        writer.member("text", ifPresent: found.text)
                        writer.member("state", ifPresent: states[settings.lane]?.rawValue)
                        writer.member(
                            "remedy",
                            ifPresent: found.isGood ? nil : remedy(for: found, vendor: settings.vendor))
                    }
                }
            }
        }
    }

    private func check(_ stored: VendorSettings) async -> VendorAnswer {
        guard let tenant = tenants(stored.tenantKey) else {
            return .drop(VendorReply(code: "not_checked", text: "The tenant is gone."))
        }
        let probe = push(
            to: PushToken(vendor: stored.vendor, token: Self.probeToken), title: "Check", body: "Check",
            tenant: tenant)
        return await ask(stored) { await $0.check(probe) }
    }

    /// Nobody's: a vendor that looks at it finds it dead, which is said with a good credential only.
    private static let probeToken = "pushgate-credential-check"

    // MARK: Asking

    private func ask(
        _ stored: VendorSettings, _ call: @escaping @Sendable (any VendorSender) async -> VendorAnswer
    ) async -> VendorAnswer {
        guard let sender = queue.sender(lane: stored.lane) else {
            return .auth(VendorReply(code: "settings_not_usable", text: "The stored settings are not accepted."))
        }
        // Whoever is first: a vendor's silence must not hold up the caller.
        let (answers, input) = AsyncStream.makeStream(of: VendorAnswer.self, bufferingPolicy: .bufferingOldest(1))
        let work = Task { input.yield(await call(sender)) }
        let timer = Task { [answerSeconds] in
            try? await Task.sleep(for: answerSeconds)  // throws on cancellation only, when nobody listens any more
            input.yield(.unknown(VendorReply(code: "timeout", text: "The vendor did not answer in time.")))
        }
        let first = await answers.first { _ in true }
        work.cancel()
        timer.cancel()
        return first ?? .unknown(VendorReply(code: "cancelled"))
    }

    private func noteGood(_ answer: VendorAnswer, _ stored: VendorSettings, isDryRun: Bool) {
        guard CredentialAnswer(answer).isGood, !answer.isLocal else { return }
        if !isDryRun, case .sent = answer {
            // One that only asked for a slower pace keeps to it.
            let isStopped = queue.credentials().contains {
                $0.lane == stored.lane && $0.state == .stopped
            }
            if isStopped {
                queue.restart(tenant: stored.tenantKey, app: stored.app, vendor: stored.vendor)
            }
        } else if !isDryRun || queue.sender(lane: stored.lane)?.checkReachesPushCall == true {
            queue.takeBackRefusal(lane: stored.lane)
        }
    }
}

/// A vendor's answer in the words of the API (contract, section 13).
struct CredentialAnswer: Sendable, Equatable {
    let outcome: String
    let code: String?
    let text: String?
    let vendorID: String?
    /// The credential was accepted.
    let isGood: Bool

    init(_ answer: VendorAnswer) {
        let reply: VendorReply?
        var id: String?
        var isGood = false
        switch answer {
        case .sent(let vendorID): (outcome, reply, id, isGood) = ("sent", nil, vendorID, true)
        case .dead(let said, _, let mayBeMisconfiguration):
            (outcome, reply, isGood) = ("dead", said, !mayBeMisconfiguration)
        case .retry(let said, _, _): (outcome, reply) = ("retry", said)
        case .unknown(let said): (outcome, reply) = ("unknown", said)
        case .auth(let said): (outcome, reply) = ("auth", said)
        case .drop(let said): (outcome, reply) = ("drop", said)
        case .slow(let said, _, _): (outcome, reply) = ("slow", said)
        }
        code = reply?.code
        text = reply.flatMap { $0.text.isEmpty ? nil : $0.text }
        vendorID = id
        self.isGood = isGood
    }

    func write(into writer: inout JSONWriter) {
        writer.member("outcome", outcome)
        writer.member("vendorCode", ifPresent: code)
        writer.member("vendorText", ifPresent: text)
        writer.member("vendorId", ifPresent: vendorID)
    }
}

import PushSimulators

/// One way in which a vendor goes wrong for a while, and what is to be seen meanwhile.
struct FaultMode: Sendable {
    let name: String
    let vendor: SimulatedVendor
    /// nil: the vendor answers every request as it should.
    var fault: VendorFault?
    var purpose = RequestPurpose.send
    /// How many requests it hits; nil: all of them while it holds.
    var requests: Int?
    /// The access tokens that were given out end when the fault begins.
    var revokesTokens = false
    /// The operator puts the credential again when the fault is over.
    var putsCredentialAgain = false
    /// No push can get through while it holds: after the first second few requests may still try.
    var isTotal = false
    /// A tenth of the phones' tokens is dead.
    var killsTokens = false

    /// From one message to the next: pauses and probes need some seconds to show. The same in every mode, or the other
    /// vendor would notice the load and not the fault.
    static let interval = Duration.milliseconds(400)

    /// How long a second copy of what was accepted may take to come: a sender gives a silent request up after ten
    /// seconds.
    var repeatsWithin: Duration {
        if case .hang = fault { return .seconds(14) }
        return .seconds(2)
    }

    /// Requests that were accepted and never answered: each push comes again.
    var repeatsMin: Int {
        switch fault {
        case .hang(afterAccepting: true), .reset(afterAccepting: true): 1
        default: 0
        }
    }

    var isHealthy: Bool { name == Self.healthyName }
    private static let healthyName = "healthy"

    /// Its answers carry `Retry-After`.
    var asksForPauses: Bool {
        switch fault {
        case .tooManyRequests(_?), .serverError(_, _?): true
        default: false
        }
    }

    /// It befalls single tokens of requests that are answered.
    var isPerToken: Bool {
        switch fault {
        case .deadTokens, .partialBatch: true
        default: false
        }
    }

    /// The lane beside it that must not notice.
    var other: SimulatedVendor { vendor == .apns ? .fcm : .apns }

    /// What the others are compared with.
    static let healthy: [FaultMode] = [.fcm, .apns, .honor].map {
        FaultMode(name: healthyName, vendor: $0)
    }

    static let broken: [FaultMode] = [
        FaultMode(name: "slow", vendor: .fcm, fault: .slow(milliseconds: 300)),
        FaultMode(name: "hang", vendor: .fcm, fault: .hang(afterAccepting: false), requests: 5),
        FaultMode(name: "hang-accepted", vendor: .apns, fault: .hang(afterAccepting: true), requests: 5),
        FaultMode(name: "reset", vendor: .fcm, fault: .reset(afterAccepting: false), requests: 5),
        FaultMode(name: "reset-accepted", vendor: .apns, fault: .reset(afterAccepting: true), requests: 5),
        FaultMode(name: "429-seconds", vendor: .fcm, fault: .tooManyRequests(retryAfter: .seconds(2))),
        FaultMode(name: "429-date", vendor: .honor, fault: .tooManyRequests(retryAfter: .date(secondsAhead: 3))),
        FaultMode(name: "503", vendor: .fcm, fault: .serverError(status: 503, retryAfter: nil), isTotal: true),
        FaultMode(name: "503-seconds", vendor: .fcm, fault: .serverError(status: 503, retryAfter: .seconds(2))),
        FaultMode(
            name: "503-date", vendor: .apns, fault: .serverError(status: 503, retryAfter: .date(secondsAhead: 3))),
        FaultMode(
            name: "login-refused", vendor: .fcm, fault: .expiredAuthorization, purpose: .login, revokesTokens: true,
            putsCredentialAgain: true, isTotal: true),
        FaultMode(
            name: "auth-expired", vendor: .apns, fault: .expiredAuthorization, putsCredentialAgain: true, isTotal: true),
        FaultMode(name: "token-revoked", vendor: .honor, revokesTokens: true),
        FaultMode(name: "partial-batch", vendor: .honor, fault: .partialBatch(every: 5), requests: 1),
        FaultMode(name: "garbage", vendor: .fcm, fault: .garbage, requests: 50),
        FaultMode(name: "goaway", vendor: .apns, fault: .goAway(afterRequests: 20)),
        FaultMode(name: "refused-stream", vendor: .apns, fault: .refuseStream, requests: 50),
        // Last: these phones get no more pushes afterwards.
        FaultMode(
            name: "dead-tokens", vendor: .fcm, fault: .deadTokens(nil, code: nil, timestamp: nil), killsTokens: true),
    ]
}

import Hummingbird
import PushCore

/// Who is calling: the one place where credentials of HTTP requests are read and attempts are counted.
struct Callers: Sendable {
    private let authenticator: Authenticator
    private let rates: RateLimits
    private let anonymous: Attempts
    private let failed: Attempts

    init(authenticator: Authenticator, rates: RateLimits, attempts: AttemptRates, limits: Limits) {
        self.authenticator = authenticator
        self.rates = rates
        anonymous = Attempts(perSecond: attempts.anonymousPerSecond, addressesMax: limits.attemptBucketsMax)
        failed = Attempts(perSecond: attempts.failedPerSecond, addressesMax: limits.attemptBucketsMax)
    }

    /// What an address has left of one kind of attempt.
    private struct Attempts {
        let buckets: TokenBuckets<RemoteAddress>
        let rate: TokenRate

        init(perSecond: Int, addressesMax: Int) {
            buckets = TokenBuckets(bucketsMax: addressesMax)
            rate = TokenRate(perSecond: Int64(perSecond), burst: Int64(perSecond))
        }

        func take(_ call: Call) throws(GatewayError) {
            let balance = buckets.take(call.remoteAddress, at: rate)
            if balance.isGranted { return }
            throw GatewayError(
                .rateLimited, "Too many attempts from this address.", retryAfterSeconds: balance.retryAfterSeconds)
        }
    }

    /// Takes the token of one request of a caller; nil when its tenant has set no limit.
    func takeToken(of principal: Principal) -> TokenBalance? { rates.take(principal) }

    /// The app or device behind the bearer token; with `X-Tenant` the operator in the name of the tenant's first app,
    /// or of `X-App`.
    func principal(of call: Call) async throws -> Principal {
        let token = try requiredBearer(of: call)
        guard let tenantNo = FieldNames.tenant.flatMap({ call.request.headers[$0] }) else {
            return try await countingFailures(of: call) { try await authenticator.principal(bearer: token) }
        }
        try await countingFailures(of: call) { try await authenticator.requireOperator(bearer: token) }
        return try authenticator.principal(
            operatorFor: tenantNo, appID: FieldNames.app.flatMap { call.request.headers[$0] })
    }

    func requireOperator(_ call: Call) async throws {
        let token = try requiredBearer(of: call)
        try await countingFailures(of: call) { try await authenticator.requireOperator(bearer: token) }
    }

    /// The bearer token, or nil for a call without any credential, which is counted.
    func bearer(of call: Call) throws(GatewayError) -> String? {
        guard let field = call.request.headers[.authorization] else {
            try admitAnonymous(call)
            return nil
        }
        guard let space = field.utf8.firstIndex(of: UInt8(ascii: " ")), field[..<space].lowercased() == "bearer" else {
            throw GatewayError(.unauthenticated, "A bearer token is required.")
        }
        let token = field[space...].drop { $0 == " " }
        guard !token.isEmpty else { throw GatewayError(.unauthenticated, "A bearer token is required.") }
        return String(token)
    }

    private func requiredBearer(of call: Call) throws(GatewayError) -> String {
        guard let token = try bearer(of: call) else {
            throw GatewayError(.unauthenticated, "A bearer token is required.")
        }
        return token
    }

    // MARK: Attempts

    /// Counts a call without any credential. Throws `rate_limited` when the address has used up its share.
    func admitAnonymous(_ call: Call) throws(GatewayError) { try anonymous.take(call) }

    /// Counts a credential that was refused. Throws `rate_limited` when the address has used up its share.
    func countFailure(_ call: Call) throws(GatewayError) { try failed.take(call) }

    /// Runs a check of a credential and counts it when it finds it wrong. What was once right (expired, revoked) is
    /// not counted: many devices behind one address must all be told so.
    ///
    /// - Parameter isAnonymous: there is no credential to find wrong; the call was counted as anonymous.
    func countingFailures<Value: Sendable>(
        of call: Call, unless isAnonymous: Bool = false, _ check: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await check()
        } catch let error as GatewayError where error.code == .unauthenticated {
            if !isAnonymous { try countFailure(call) }
            throw error
        }
    }
}

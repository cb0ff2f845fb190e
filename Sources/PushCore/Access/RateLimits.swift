/// How many requests a device or an app may make, by the settings of its tenant (`/v1/settings/limits`).
///
/// Each device has a bucket of its own, and each app one for all of its callers. Both doors ask once for a request,
/// whatever comes of it. A batch is one request: how much it may carry has a limit of its own (`batchMessages`).
public final class RateLimits: Sendable {
    private let devices: TokenBuckets<DeviceKey>
    private let apps: TokenBuckets<AppKey>

    public init(limits: Limits, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        devices = TokenBuckets(bucketsMax: limits.rateBucketsMax, now: now)
        apps = TokenBuckets(bucketsMax: limits.rateBucketsMax, now: now)
    }

    /// Takes the token of one request. nil for a caller without a limit, which costs no lock.
    public func take(_ principal: Principal) -> TokenBalance? {
        guard let rate = Self.rate(of: principal) else { return nil }
        switch principal {
        case .device(let device): return devices.take(device.key, at: rate)
        case .app(let identity): return apps.take(identity.app.key, at: rate)
        }
    }

    /// Takes the token of one request. Throws `rate_limited` when there is none.
    public func require(_ principal: Principal) throws(GatewayError) {
        if let balance = take(principal), !balance.isGranted { throw Self.refusal(balance) }
    }

    public static func refusal(_ balance: TokenBalance) -> GatewayError {
        let seconds = balance.retryAfterSeconds
        return GatewayError(
            .rateLimited, "At most \(balance.rate.perSecond) requests a second; again in \(seconds) s.",
            retryAfterSeconds: seconds)
    }

    /// nil = no limit. An app, and a device without a burst of its own, may use a second's worth at once.
    private static func rate(of principal: Principal) -> TokenRate? {
        let limits = principal.tenant.settings.limits
        switch principal {
        case .device:
            let perSecond = limits.deviceRequestsPerSecond
            guard perSecond > 0 else { return nil }
            return TokenRate(perSecond: perSecond, burst: limits.deviceBurst > 0 ? limits.deviceBurst : perSecond)
        case .app:
            let perSecond = limits.appRequestsPerSecond
            return perSecond > 0 ? TokenRate(perSecond: perSecond, burst: perSecond) : nil
        }
    }
}

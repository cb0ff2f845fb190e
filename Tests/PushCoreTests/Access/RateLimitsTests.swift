import PushTestSupport
import Testing

@testable import PushCore

@Suite struct RateLimitsTests {
    private func tenant(_ change: (inout TenantLimits) -> Void) -> Tenant {
        var tenant = Tenant.sample
        change(&tenant.settings.limits)
        return tenant
    }

    private func device(_ number: Int64 = 1, of tenant: Tenant) -> Principal {
        let sample = DeviceIdentity.sample(device: number)
        return .device(
            DeviceIdentity(
                key: sample.key, deviceID: sample.deviceID, account: sample.account, userID: sample.userID,
                tenant: tenant))
    }

    private func app(of tenant: Tenant) -> Principal {
        .app(AppIdentity(app: .sample(), tenant: tenant, scopes: Set(Scope.allCases)))
    }

    /// Time stands still.
    private let rates: RateLimits = {
        let now = ContinuousClock.Instant.now
        return RateLimits(limits: Limits()) { now }
    }()

    @Test func `a device has a burst of 200, each its own, and an app no limit`() throws {
        for _ in 0..<200 { try rates.require(.sampleDevice) }
        let error = #expect(throws: GatewayError.self) { try rates.require(.sampleDevice) }
        #expect(error?.code == .rateLimited && error?.retryAfterSeconds == 1)
        try rates.require(device(2, of: .sample))
        for _ in 0..<10_000 { #expect(rates.take(.sampleApp) == nil) }
    }

    @Test func `an app's burst is one second's worth`() throws {
        let app = app(of: tenant { $0.appRequestsPerSecond = 3 })
        for _ in 0..<3 { try rates.require(app) }
        #expect(throws: GatewayError.self) { try rates.require(app) }
        // Its devices are counted apart.
        try rates.require(device(of: tenant { $0.appRequestsPerSecond = 3 }))
    }

    @Test func `a device without a burst has one second's worth, and without a rate no limit`() throws {
        let slow = device(of: tenant { ($0.deviceRequestsPerSecond, $0.deviceBurst) = (2, 0) })
        for _ in 0..<2 { try rates.require(slow) }
        #expect(throws: GatewayError.self) { try rates.require(slow) }
        #expect(rates.take(device(of: tenant { $0.deviceRequestsPerSecond = 0 })) == nil)
    }

    @Test func `a tenant's sizes can only be less than the gateway's`() {
        let limits = Limits()
        let less = limits.effective(
            for: tenant { ($0.contentBytes, $0.requestBytes, $0.batchMessages) = (100, 5000, 7) })
        #expect(less.contentBytesMax == 100 && less.requestBytesMax == 5000 && less.batchMessagesMax == 7)
        let more = limits.effective(for: tenant { ($0.contentBytes, $0.requestBytes) = (1 << 40, .max) })
        #expect(more.contentBytesMax == limits.contentBytesMax && more.requestBytesMax == limits.requestBytesMax)
        #expect(limits.effective(for: .sample).batchMessagesMax == limits.batchMessagesMax)
    }
}

/// When one request arrived and what a fault on demand made of it: shows whether a sender keeps the pauses that it was
/// asked for. Kept only where ``VendorSimulator/Configuration/keptRequests`` says so.
public struct RecordedRequest: Sendable, Equatable {
    public let vendor: SimulatedVendor
    public let purpose: RequestPurpose
    /// Milliseconds since 1970, by the simulator's clock: when it was read whole, before any delay.
    public let receivedAt: Int64
    /// The fault that decided about its answer; nil: the vendor's own rules did.
    public let fault: String?
    /// When `Retry-After` in the answer allows the next one, in milliseconds since 1970.
    public let retryAt: Int64?

    public init(
        vendor: SimulatedVendor, purpose: RequestPurpose = .send, receivedAt: Int64, fault: String? = nil,
        retryAt: Int64? = nil
    ) {
        self.vendor = vendor
        self.purpose = purpose
        self.receivedAt = receivedAt
        self.fault = fault
        self.retryAt = retryAt
    }
}

extension VendorFault {
    /// When this fault's `Retry-After` allows the next request.
    func retryAt(now: Int64) -> Int64? {
        switch self {
        case .tooManyRequests(let after?), .serverError(_, let after?): after.time(now: now)
        default: nil
        }
    }
}

extension RetryAfter {
    fileprivate func time(now: Int64) -> Int64 {
        switch self {
        case .seconds(let seconds): now + Int64(seconds) * 1000
        // A date has whole seconds.
        case .date(let ahead): (now / 1000 + Int64(ahead)) * 1000
        }
    }
}

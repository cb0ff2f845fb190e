/// The two spellings of `Retry-After` (RFC 9110 section 10.2.3).
public enum RetryAfter: Sendable, Equatable {
    case seconds(Int)
    /// The same, written as an HTTP date that many seconds ahead of the simulator's clock.
    case date(secondsAhead: Int)

    func headerValue(now: Int64) -> String {
        switch self {
        case .seconds(let seconds): String(seconds)
        case .date(let ahead): HTTPDate.text(epochSeconds: now / 1000 + Int64(ahead))
        }
    }
}

/// Something that goes wrong on demand.
public enum VendorFault: Sendable, Equatable {
    /// The answer takes this long; what is answered is left to the request and to other faults.
    case slow(milliseconds: Int)
    /// The request is read and never answered. `afterAccepting`: the push was taken, only the answer is missing.
    case hang(afterAccepting: Bool)
    /// The TCP connection is reset after the request was read. `afterAccepting`: the push was taken.
    case reset(afterAccepting: Bool)
    /// 429.
    case tooManyRequests(retryAfter: RetryAfter?)
    /// A status from 500 on, in the vendor's own words.
    case serverError(status: Int, retryAfter: RetryAfter?)
    /// The named tokens (nil: all) are answered as dead, after everything else about the request was found right.
    /// `code`: one of the vendor's codes for it, nil for the usual one (APNs `Unregistered`, FCM `UNREGISTERED`,
    /// Huawei `illegal_tokens`, HONOR `expireTokens`, Meizu 110002, webhook `rejected`; Xiaomi takes the push and drops
    /// it, as it names dead tokens by receipts alone). `timestamp`: since when, in milliseconds (APNs 410 only; nil: now).
    case deadTokens(Set<String>?, code: String?, timestamp: Int64?)
    /// Every `every`-th token of a batch, counted from 1 within each batch, is answered as failed in the form that the
    /// vendor has for a part of a batch (Huawei `illegal_tokens`, HONOR `failTokens`, …); the others are taken. Nothing
    /// happens to vendors without batches, and to batches that are shorter.
    case partialBatch(every: Int)
    /// The credential has run out (APNs `ExpiredProviderToken`, FCM 401).
    case expiredAuthorization
    /// The answer with this code of the vendor's own table.
    case code(String)
    /// 200 with a body that is not the vendor's.
    case garbage
    /// Every `afterRequests`-th request is answered and followed by GOAWAY (HTTP/2) or `Connection: close`.
    case goAway(afterRequests: Int)
    /// The stream is reset with REFUSED_STREAM: not processed (HTTP/2). HTTP/1.1: the connection is closed unanswered.
    case refuseStream

    /// The name in `POST /faults`.
    public var name: String {
        switch self {
        case .slow: "slow"
        case .hang: "hang"
        case .reset: "reset"
        case .tooManyRequests: "tooManyRequests"
        case .serverError: "serverError"
        case .deadTokens: "deadTokens"
        case .partialBatch: "partialBatch"
        case .expiredAuthorization: "expiredAuthorization"
        case .code: "code"
        case .garbage: "garbage"
        case .goAway: "goAway"
        case .refuseStream: "refuseStream"
        }
    }
}

/// A fault that is set: on which vendor, for what kind of request, and for how many more.
public struct ActiveFault: Sendable, Equatable {
    public let vendor: SimulatedVendor
    public let purpose: RequestPurpose
    public let fault: VendorFault
    /// How many more requests it hits; nil until it is cleared.
    public internal(set) var remaining: Int?
    /// Requests since the last GOAWAY.
    var counted = 0
}

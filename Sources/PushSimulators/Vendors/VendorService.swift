/// What a request to a vendor is for. Faults can be put on either.
public enum RequestPurpose: String, Sendable, CaseIterable {
    /// Handing over a push.
    case send
    /// Exchanging credentials for an access token.
    case login
}

/// One vendor as the simulator's servers see it. A new vendor is a folder with one type that conforms to this, and a
/// line in the list of services in ``VendorSimulator/start(configuration:)``.
///
/// All calls are made on event loops and must not block; state that is shared between connections needs a lock.
protocol VendorService: Sendable {
    var vendor: SimulatedVendor { get }

    /// nil when the request's path is none of this vendor's.
    func purpose(of request: SimulatorRequest) -> RequestPurpose?

    /// Checks the request as the vendor would, records an accepted push, and answers.
    func answer(_ request: SimulatorRequest, on connection: SimulatorConnection) -> SimulatorResponse

    /// The vendor's answer to too many requests; `retryAfter` is the header's value.
    func tooManyRequests(retryAfter: String?) -> SimulatorResponse

    /// The same, where logins are answered in another form than pushes; what is said of pushes if not implemented.
    func tooManyRequests(_ request: SimulatorRequest, retryAfter: String?) -> SimulatorResponse

    /// The vendor's answer when it is itself at fault, `status` from 500 on.
    func serverError(status: Int, retryAfter: String?) -> SimulatorResponse

    /// The vendor's answer to an authorization that has run out.
    func expiredAuthorization(_ request: SimulatorRequest, on connection: SimulatorConnection) -> SimulatorResponse

    /// The answer that carries the vendor's own `code`, or nil when the vendor has no such code.
    func refusal(code: String) -> SimulatorResponse?

    /// Makes every access token given so far invalid; for vendors with a login.
    func revokeAccessTokens()

    /// The same as an answer to this request, for vendors whose answer names what was asked for.
    func refusal(code: String, to request: SimulatorRequest) -> SimulatorResponse?
}

extension VendorService {
    func revokeAccessTokens() {}

    func refusal(code: String, to request: SimulatorRequest) -> SimulatorResponse? { refusal(code: code) }
}

extension VendorService {
    func tooManyRequests(_ request: SimulatorRequest, retryAfter: String?) -> SimulatorResponse {
        tooManyRequests(retryAfter: retryAfter)
    }
}

import Logging

/// What a vendor said, in its own words: kept in the trace, shown to people, never programmed against.
public struct VendorReply: Sendable, Equatable {
    /// The vendor's code (`BadDeviceToken`, `UNREGISTERED`, an HTTP status when there is nothing better).
    public let code: String
    public let text: String

    public init(code: String, text: String = "") {
        self.code = code
        self.text = text
    }
}

/// What a vendor's answer means for the delivery. A refusal is an answer, not an error: an adapter only answers, and
/// retry, removal of tokens and pace are decided once, in ``PushQueue``. Classes: `reference/vendor-push.md` 0.1.
public enum VendorAnswer: Sendable, Equatable {
    /// The vendor accepted the push (which is neither "received" nor "read").
    case sent(vendorID: String?)
    /// The token will never work again. `since`: the vendor says it has been dead since then (APNs 410).
    /// `mayBeMisconfiguration`: a wrong credential or environment gives the same code.
    case dead(VendorReply, since: Milliseconds? = nil, mayBeMisconfiguration: Bool = false)
    /// A passing fault before anything can have been shown. `after` is the vendor's `Retry-After`.
    case retry(VendorReply, after: Duration? = nil)
    /// The request was written and no answer came: it may have been shown. Repeated only because every push carries
    /// a replace key.
    case unknown(VendorReply)
    /// The credential is refused: stop it, keep the token and the job.
    case auth(VendorReply)
    /// This push can never be accepted.
    case drop(VendorReply)
    /// A rate or a quota, of one device's token or of the whole credential.
    case slow(VendorReply, scope: PaceScope, after: Duration? = nil)

    public enum PaceScope: Sendable, Equatable { case device, credential }
}

/// One vendor with one tenant's credential.
public protocol VendorSender: Sendable {
    var vendor: Vendor { get }

    /// How many requests may be under way at once (HTTP/2 streams, connections).
    var concurrentMax: Int { get }

    /// Whether the vendor has a form that shows nothing (contract, to section 7, *Silent form*).
    var canSendSilently: Bool { get }

    /// Hands one push over and says what came of it. Bounded: it returns within about ten seconds whatever the
    /// vendor does. Never throws, never retries on its own except once after a refreshed access token.
    func send(_ push: VendorPush) async -> VendorAnswer

    /// Checks the credential with a call that delivers nothing, where the vendor has one.
    func check(_ push: VendorPush) async -> VendorAnswer

    /// Closes connections. Pushes under way end with an answer first.
    func shutdown() async
}

/// Reads a vendor's settings and makes its sender. Implemented by PushVendors.
public protocol VendorCatalog: Sendable {
    /// Checks settings as they came over the API and returns them as they are to be stored (with what was made for
    /// the tenant filled in). Throws `invalid_request` with pointers.
    func validate(_ settings: RawJSON, for vendor: Vendor) throws(GatewayError) -> RawJSON

    /// Refuses settings whose URLs lead to a private address; this may ask a name server. `invalid_request`.
    func validateAddresses(of settings: RawJSON, for vendor: Vendor) async throws(GatewayError)

    /// The fields that are not secret, for `GET /v1/settings/push/{vendor}`.
    func publicFields(of settings: RawJSON, for vendor: Vendor) -> RawJSON

    /// A sender for checked settings.
    func makeSender(for vendor: Vendor, settings: RawJSON, tenantNo: String) throws(GatewayError) -> any VendorSender
}

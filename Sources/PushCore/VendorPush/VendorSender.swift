import Logging

/// What a vendor said, in its own words: kept in the trace, shown to people, never programmed against.
public struct VendorReply: Sendable, Equatable {
    /// The vendor's code (`BadDeviceToken`, `UNREGISTERED`, an HTTP status when there is nothing better).
    public let code: String
    public let text: String
    /// The adapter made this answer itself, without asking the vendor: it says nothing of the credential and proves
    /// nothing about the vendor.
    public var isLocal: Bool

    public init(code: String, text: String = "", isLocal: Bool = false) {
        self.code = code
        self.text = text
        self.isLocal = isLocal
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
    /// A passing fault before anything can have been shown. `after` is the vendor's `Retry-After`. `triesMax`: where
    /// the vendor's table allows only so many tries in all, after which the push is dropped.
    case retry(VendorReply, after: Duration? = nil, triesMax: Int? = nil)
    /// The request was written and no answer came: it may have been shown. Repeated only where
    /// ``VendorSender/repeatReplaces(_:)`` says so.
    case unknown(VendorReply)
    /// The credential is refused: stop it, keep the token and the job.
    case auth(VendorReply)
    /// This push can never be accepted.
    case drop(VendorReply)
    /// A rate or a quota: of one device's token, of the pushes of this one's class, or of the whole credential.
    case slow(VendorReply, scope: PaceScope, after: Duration? = nil)

    public enum PaceScope: Sendable, Equatable { case device, messageClass, credential }
}

/// How many pushes one request of a vendor takes.
public enum BatchForm: Sendable, Equatable {
    case single
    /// One notification for up to `max` tokens: pushes whose ``VendorPush/content`` is equal.
    case sameContent(max: Int)
    /// Up to `max` notifications, each with its token.
    case anyContent(max: Int)

    public var max: Int {
        switch self {
        case .single: 1
        case .sameContent(let max), .anyContent(let max): max
        }
    }
}

/// One vendor with one tenant's credential.
public protocol VendorSender: Sendable {
    var vendor: Vendor { get }

    /// How many requests may be under way at once (HTTP/2 streams, connections).
    var concurrentMax: Int { get }

    /// Whether the vendor has a form that shows nothing (contract, to section 7, *Silent form*).
    var canSendSilently: Bool { get }

    /// How many pushes one request takes.
    var batchForm: BatchForm { get }

    /// What the tenant allows itself with this credential.
    var budget: PushBudget { get }

    /// Whether this push, sent again, takes the place of the first one on the device, or is dropped by it. Where it
    /// does not, a push whose outcome is unknown is not repeated: twice is worse than once or never.
    func repeatReplaces(_ push: VendorPush) -> Bool

    /// Hands pushes over in one request, as ``batchForm`` allows, and says what came of each: as many answers, in the
    /// same order. Bounded: it returns within about ten seconds whatever the vendor does. Never throws, never retries
    /// on its own except once after a refreshed access token, and then only what nobody has answered.
    func send(_ batch: [VendorPush]) async -> [VendorAnswer]

    /// Checks credential and, where the vendor has a dry run, this push, with a call that delivers nothing. A `.dead`
    /// answer speaks of the token and means that the credential is good.
    func check(_ push: VendorPush) async -> VendorAnswer

    /// Whether ``check(_:)`` reaches the call in which the vendor would refuse the credential for a push: a good answer
    /// then takes a refusal back. A login that goes well says nothing of pushes.
    var checkReachesPushCall: Bool { get }

    /// Closes connections. Pushes under way end with an answer first.
    func shutdown() async
}

extension VendorSender {
    public var checkReachesPushCall: Bool { false }

    public var budget: PushBudget { .unlimited }

    /// Every payload has a replace key (contract, to section 7), which most vendors honour.
    public func repeatReplaces(_ push: VendorPush) -> Bool { true }

    /// One push.
    public func send(_ push: VendorPush) async -> VendorAnswer {
        let answers: [VendorAnswer] = await send([push])
        return answers.first ?? .retry(VendorReply(code: "no_answer"))
    }
}

/// A vendor that takes one push a request.
public protocol SinglePushSender: VendorSender {
    func send(_ push: VendorPush) async -> VendorAnswer
}

extension SinglePushSender {
    public var batchForm: BatchForm { .single }

    public func send(_ batch: [VendorPush]) async -> [VendorAnswer] {
        var answers: [VendorAnswer] = []
        for push in batch { answers.append(await send(push)) }
        return answers
    }
}

/// Reads a vendor's settings and makes its sender. Implemented by PushVendors.
public protocol VendorCatalog: Sendable {
    /// Checks settings as they came over the API and returns them as they are to be stored (with what was made for
    /// the tenant filled in). Throws `invalid_request` with pointers.
    func validate(_ settings: RawJSON, for vendor: Vendor) throws(GatewayError) -> RawJSON

    /// The same for settings that replace others: what was made for the tenant and must not change (web push keys, to
    /// which every subscription is bound) is taken over from the stored ones where the new ones do not name it.
    func validate(_ settings: RawJSON, for vendor: Vendor, keeping stored: RawJSON?) throws(GatewayError) -> RawJSON

    /// Refuses settings whose URLs lead to a private address; this may ask a name server. `invalid_request`.
    func validateAddresses(of settings: RawJSON, for vendor: Vendor) async throws(GatewayError)

    /// The fields that are not secret, for `GET /v1/settings/push/{vendor}`.
    func publicFields(of settings: RawJSON, for vendor: Vendor) -> RawJSON

    /// What the tenant allows itself with these settings.
    func budget(of settings: RawJSON, for vendor: Vendor) -> PushBudget

    /// A sender for checked settings.
    func makeSender(for vendor: Vendor, settings: RawJSON, tenantNo: String) throws(GatewayError) -> any VendorSender
}

extension VendorCatalog {
    public func validate(_ settings: RawJSON, for vendor: Vendor, keeping stored: RawJSON?) throws(GatewayError)
        -> RawJSON
    {
        try validate(settings, for: vendor)
    }

    public func budget(of settings: RawJSON, for vendor: Vendor) -> PushBudget { .unlimited }
}

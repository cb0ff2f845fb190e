import NIOCore
import NIOHPACK

/// One push that the simulator accepted, as the vendor would have handed it to a device.
public struct RecordedPush: Sendable {
    /// Whether a person would notice it.
    public enum Form: String, Sendable {
        case visible
        case silent
    }

    /// Why an accepted push never reaches a device.
    public enum Discard: String, Sendable {
        /// Its expiration was already past when it came.
        case expired
        /// It was only to be checked (FCM `validate_only`).
        case dryRun
        /// The receiver had this very event before (webhook: the same `webhook-id`; Xiaomi: the same `extra.jobkey`).
        case repeated
        /// The vendor took it for a token that does not live, and tells so only by a receipt (Xiaomi).
        case deadToken
    }

    /// Position among all accepted pushes, from 1, without gaps.
    public internal(set) var sequence = 0
    public let vendor: SimulatedVendor
    public let token: String
    /// The gateway's message id, from the place that is documented for the vendor.
    public let messageId: String?
    public let title: String?
    public let body: String?
    public let form: Form
    /// Two notifications of one token with the same key: the later takes the place of the earlier.
    public let replaceKey: String?
    /// The vendor's id for this push, as in its answer.
    public let vendorId: String
    public let discarded: Discard?
    /// Milliseconds since 1970, by the simulator's clock.
    public let receivedAt: Int64
    let payloadBytes: ByteBuffer
    let fields: HPACKHeaders

    /// What the sender wants to have back in a receipt (Huawei and HONOR `biTag`, `callback.param` elsewhere).
    public internal(set) var receiptTag: String?
    /// For how long the vendor is to keep trying, in milliseconds, as the push says it; nil where it says nothing, and
    /// for the vendors that came before batches.
    public internal(set) var timeToLive: Int64?
    /// Where receipts for this push go, if it says so itself.
    public internal(set) var receiptURL: String?

    /// The request body, byte for byte.
    public var payload: String { String(buffer: payloadBytes) }

    /// The request's header fields, names in lower case, the authorization left out.
    public var headers: [(name: String, value: String)] {
        fields.filter { $0.name != "authorization" }.map { ($0.name, $0.value) }
    }

    /// The first value of a header field.
    public func header(_ name: String) -> String? { fields.first(name: name) }

    /// True when a person's device rings or shows something for it.
    public var isShown: Bool { form == .visible && discarded == nil }
}

/// A request that the simulator refused because it was wrong, not because of a fault on demand.
public struct RefusedRequest: Sendable {
    public let vendor: SimulatedVendor
    public let path: String
    public let status: Int
    /// Which rule was broken: the vendor's code, and what was found.
    public let reason: String
    public let receivedAt: Int64
}

/// How much came, for one vendor, since the start or the last clearing.
public struct VendorCounters: Sendable, Equatable {
    /// Requests that were read, logins included.
    public var requests = 0
    /// Pushes that were accepted, discarded ones included.
    public var accepted = 0
    /// Requests that were refused because they were wrong.
    public var refused = 0
    /// Requests that a fault on demand answered or broke.
    public var disturbed = 0

    public init(requests: Int = 0, accepted: Int = 0, refused: Int = 0, disturbed: Int = 0) {
        self.requests = requests
        self.accepted = accepted
        self.refused = refused
        self.disturbed = disturbed
    }
}

/// What a vendor reports about a push it had accepted. A third word beside "handed over" and "read": it never
/// acknowledges a message and never counts as reading it.
public struct VendorReceipt: Sendable, Equatable {
    /// What a vendor's code says, as far as somebody can act on it. The raw value is on disk.
    public enum Meaning: String, Sendable, CaseIterable {
        /// The phone received it.
        case delivered
        case shown
        case clicked
        /// Kept by the phone or the vendor; it may still be shown.
        case held
        /// A newer one took its place before it was shown.
        case replaced
        /// Its time ran out at the vendor.
        case expired
        /// Received and not shown: filtered, night hours, the app is disabled.
        case notShown = "not_shown"
        case notificationsOff = "notifications_off"
        /// The device was not seen for a long time.
        case inactive
        /// A quota or frequency limit.
        case limited
        /// Another user or profile is active on the phone, or the app's version cannot show it.
        case mismatch
        /// The token will never work again.
        case tokenDead = "token_dead"
        case other

        /// The notification was on the phone: sending it to another token would ring twice.
        public var reachedDevice: Bool {
            switch self {
            case .delivered, .shown, .clicked, .held: true
            case .replaced, .expired, .notShown, .notificationsOff, .inactive, .limited, .mismatch, .tokenDead, .other:
                false
            }
        }
    }

    /// As it travelled with the push; nil when the vendor did not bring it back.
    public let messageID: String?
    public let token: String
    /// The vendor's own id of the push or of its batch.
    public let vendorID: String?
    /// The vendor's own code.
    public let code: String
    public let meaning: Meaning
    /// The code in words.
    public let text: String
    /// When it happened, by the vendor's clock; nil when it does not say.
    public let at: Milliseconds?

    public init(
        messageID: String?, token: String, vendorID: String? = nil, code: String, meaning: Meaning, text: String,
        at: Milliseconds? = nil
    ) {
        self.messageID = messageID
        self.token = token
        self.vendorID = vendorID
        self.code = code
        self.meaning = meaning
        self.text = text
        self.at = at
    }
}

extension Vendor {
    /// Whether the vendor tells afterwards what became of pushes (vendor-push reference, 0.4).
    public var reportsReceipts: Bool {
        switch self {
        case .huawei, .honor, .xiaomi, .oppo, .vivo, .meizu: true
        case .apns, .fcm, .webpush, .wns, .webhook: false
        }
    }
}

/// A vendor's call, as far as its authentication and its content need it.
public struct VendorReceiptCall: Sendable {
    public let body: [UInt8]
    /// The field `X-HUAWEI-CALLBACK-ID`.
    public let callbackID: String?

    public init(body: [UInt8], callbackID: String? = nil) {
        self.body = body
        self.callbackID = callbackID
    }
}

/// Reads the vendors' own forms. Implemented by PushVendors.
public protocol VendorReceiptReader: Sendable {
    /// The receipts in a call. Items that are not readable are left out.
    ///
    /// - Parameter settings: all of the tenant's settings for this vendor, as they are stored: they may ask for more
    ///   than the secret address.
    /// - Throws: `unauthenticated` when what the settings ask for is missing or wrong, `invalid_request` when there
    ///   is no such document in the body.
    func receipts(
        in call: VendorReceiptCall, from vendor: Vendor, settings: [RawJSON], now: Milliseconds
    ) throws(GatewayError) -> [VendorReceipt]

    /// What the vendor takes for "arrived": without it, it repeats.
    func confirmation(for vendor: Vendor) -> RawJSON
}

/// What became of receipts.
public struct VendorReceiptCounts: Sendable, Equatable {
    public var recorded = 0
    /// They were known already.
    public var repeated = 0
    /// No push of the tenant's is known for this message and token.
    public var unknown = 0
    /// Pushes that go on to their device's next token.
    public var movedOn = 0

    public init(recorded: Int = 0, repeated: Int = 0, unknown: Int = 0, movedOn: Int = 0) {
        self.recorded = recorded
        self.repeated = repeated
        self.unknown = unknown
        self.movedOn = movedOn
    }

    public static func += (sum: inout VendorReceiptCounts, more: VendorReceiptCounts) {
        sum.recorded += more.recorded
        sum.repeated += more.repeated
        sum.unknown += more.unknown
        sum.movedOn += more.movedOn
    }
}

/// A token that a vendor's report called dead, after it had taken the push.
public struct ReportedDeath: Sendable, Equatable {
    /// The credential through which the push had gone out.
    public let lane: Int64
    public let token: PushToken

    public init(lane: Int64, token: PushToken) {
        self.lane = lane
        self.token = token
    }
}

/// Implemented by PushStorage.
public protocol VendorReceiptStore: Sendable {
    /// Everything the tenant and its apps have stored for the vendor.
    func vendorSettings(tenant: TenantKey, vendor: Vendor) async throws -> [RawJSON]

    /// Writes receipts into the trace of their pushes, and quarantines the tokens that are dead by them, unless they
    /// were registered after the push. A receipt that is known changes nothing. Such a token is in doubt, as one that is
    /// refused with a code of which a wrong credential may be the cause.
    func record(
        _ receipts: [VendorReceipt], from vendor: Vendor, tenant: TenantKey, at now: Milliseconds
    ) async throws -> (counts: VendorReceiptCounts, deaths: [ReportedDeath])
}

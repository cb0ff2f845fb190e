import PushCore
import Synchronization

/// Keeps receipts as they come; none is of a push that is known.
public final class NotedReceiptStore: VendorReceiptStore {
    private let noted = Mutex<[VendorReceipt]>([])
    private let settings = Mutex<[RawJSON]>([])

    public init() {}

    public var receipts: [VendorReceipt] { noted.withLock { $0 } }

    public func set(_ stored: [RawJSON]) { settings.withLock { $0 = stored } }

    public func vendorSettings(tenant: TenantKey, vendor: Vendor) async throws -> [RawJSON] {
        settings.withLock { $0 }
    }

    public func record(
        _ receipts: [VendorReceipt], from vendor: Vendor, tenant: TenantKey, at now: Milliseconds
    ) async throws -> (counts: VendorReceiptCounts, deaths: [ReportedDeath]) {
        noted.withLock { $0 += receipts }
        return (VendorReceiptCounts(unknown: receipts.count), [])
    }
}

/// Takes the body for the token of one receipt; `bad` is not readable, `unsigned` is refused where there are settings.
public struct TokenReceiptReader: VendorReceiptReader {
    public init() {}

    public func receipts(
        in call: VendorReceiptCall, from vendor: Vendor, settings: [RawJSON], now: Milliseconds
    ) throws(GatewayError) -> [VendorReceipt] {
        let token = String(decoding: call.body, as: UTF8.self)
        if token == "bad" { throw GatewayError(.invalidRequest, "The report is no valid JSON.") }
        if !settings.isEmpty, call.callbackID == nil { throw GatewayError(.unauthenticated, "It is not signed.") }
        return [VendorReceipt(messageID: "m", token: token, code: "0", meaning: .delivered, text: "delivered")]
    }

    public func confirmation(for vendor: Vendor) -> RawJSON { .object { $0.member("code", vendor.rawValue) } }
}

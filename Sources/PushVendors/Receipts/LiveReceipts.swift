import PushCore

/// The vendors that report about pushes, each in its own form.
public struct LiveReceipts: VendorReceiptReader {
    public init() {}

    public func receipts(
        in call: VendorReceiptCall, from vendor: Vendor, settings: [RawJSON], now: Milliseconds
    ) throws(GatewayError) -> [VendorReceipt] {
        // A signature is checked before anything is read; it does not cover the body.
        if vendor == .huawei { try Self.checkHuawei(call, settings: settings, now: now) }
        let body = try ReceiptBody(call.body)
        if vendor == .meizu { try Self.checkMeizu(body, settings: settings) }
        switch vendor {
        case .huawei: return HuaweiReceipts.read(try body.document(inField: "data"))
        case .honor: return HONORReceipts.read(try body.document(inField: "data"))
        case .xiaomi: return XiaomiReceipts.read(try body.document(inField: "data"))
        case .oppo: return OPPOReceipts.read(try body.document(inField: "data"))
        case .vivo: return VivoReceipts.read(try body.document(inField: "data"))
        case .meizu: return MeizuReceipts.read(try body.document(inField: "cb"))
        case .apns, .fcm, .webpush, .wns, .webhook:
            throw GatewayError(.notFound, "\(vendor.rawValue) reports nothing.")
        }
    }

    /// HTTP 200 is what counts; Huawei and HONOR also read a code.
    public func confirmation(for vendor: Vendor) -> RawJSON {
        .object { writer in
            switch vendor {
            case .huawei, .honor:
                writer.member("code", "0")
                writer.member("message", "success")
            default:
                writer.member("code", 200)
                writer.member("message", "success")
            }
        }
    }

    /// Whoever stored a key wants signed calls only; of several apps each has its own key.
    private static func checkHuawei(
        _ call: VendorReceiptCall, settings: [RawJSON], now: Milliseconds
    ) throws(GatewayError) {
        let keys = settings.compactMap { HuaweiReceiptSettings(stored: $0) }
        guard !keys.isEmpty else { return }
        guard let field = call.callbackID, keys.contains(where: { $0.matches(field, now: now) }) else {
            throw GatewayError(.unauthenticated, "X-HUAWEI-CALLBACK-ID is missing, wrong or too old.")
        }
    }

    private static func checkMeizu(_ body: ReceiptBody, settings: [RawJSON]) throws(GatewayError) {
        let tokens = settings.compactMap { MeizuReceiptSettings(stored: $0) }
        guard !tokens.isEmpty else { return }
        guard let sent = body.field("access_token"), tokens.contains(where: { $0.matches(sent) }) else {
            throw GatewayError(.unauthenticated, "access_token is missing or wrong.")
        }
    }
}

import HTTPTypes
import PushCore

/// `POST /v1/receipts/{vendor}/{tenantNo}/{secret}`, for vendors: the address is their credential.
struct ReceiptRoutes: Sendable {
    let receipts: VendorReceipts
    let callers: Callers

    private static let callbackID = HTTPField.Name("X-HUAWEI-CALLBACK-ID")

    func take(_ call: Call) async throws -> Answer {
        let source: VendorReceipts.Source
        do {
            source = try receipts.source(
                vendor: try call.parameter("vendor"), tenantNo: try call.parameter("tenantNo"),
                secret: try call.parameter("secret"))
        } catch {
            // Guesses are counted; a vendor that knows its address may come as often as it has something to say.
            try callers.admitAnonymous(call)
            throw error
        }
        let report = VendorReceiptCall(
            body: try await call.bodyBytes(),
            callbackID: Self.callbackID.flatMap { call.request.headers[$0] })
        return try await callers.countingFailures(of: call) {
            .json(try await receipts.take(report, from: source))
        }
    }
}

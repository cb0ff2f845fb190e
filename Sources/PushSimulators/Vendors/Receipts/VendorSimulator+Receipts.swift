extension VendorSimulator {
    /// Reports to the sender what became of pushes, as their vendors would, one call after the other.
    ///
    /// - Parameters:
    ///   - pushes: taken from ``pushes(where:)``; of any vendors that send receipts.
    ///   - url: the receipt address; nil: the one that each push names (Xiaomi and Meizu `extra.callback`, OPPO
    ///     `call_back_url`).
    ///   - key: with what the vendor signs, where it does (Huawei); nil: unsigned.
    /// - Returns: the receiver's answers: one a call, not one a push.
    /// - Throws: ``VendorSimulatorError/invalid(_:)`` when the vendor reports nothing of the kind or there is no
    ///   address; what the HTTP client throws when there is no answer.
    @discardableResult
    public func sendReceipt(
        _ event: ReceiptEvent, for pushes: [RecordedPush], to url: String? = nil, key: ReceiptKey? = nil
    ) async throws -> [ReceiptAnswer] {
        var answers: [ReceiptAnswer] = []
        for call in try receipts.calls(event, for: pushes, to: url, key: key) {
            answers.append(try await receipts.send(call))
        }
        return answers
    }
}

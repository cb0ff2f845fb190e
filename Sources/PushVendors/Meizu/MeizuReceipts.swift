import PushCore

/// Meizu's receipts (vendor-push reference, 9): the form field `cb` = `{"<msgId>-<type>": {param, type, targets}}`.
enum MeizuReceipts {
    static func read(_ document: RawJSON) -> [VendorReceipt] {
        (document.object?.members ?? []).flatMap { member -> [VendorReceipt] in
            guard let object = member.value.object, let code = object["type"]?.codeText else { return [] }
            let rule = rules[code] ?? .unlisted
            let suffix = "-\(code)"
            let vendorID = member.key.hasSuffix(suffix) ? String(member.key.dropLast(suffix.count)) : member.key
            return (object["targets"]?.idList ?? []).map { token in
                rule.receipt(
                    messageID: object["param"]?.codeText, token: token, vendorID: vendorID, code: code, at: nil)
            }
        }
    }

    static let rules: [String: ReceiptRule] = [
        "1": .init(.delivered, "delivered to the device"),
        "2": .init(.clicked, "the notification was clicked"),
    ]
}

import PushCore

/// Xiaomi's receipts (vendor-push reference, 6): `{"<msgId>": {param, type, targets: "id1,id2", …}}`.
enum XiaomiReceipts {
    static func read(_ document: RawJSON) -> [VendorReceipt] {
        (document.object?.members ?? []).flatMap { member -> [VendorReceipt] in
            guard let object = member.value.object, let code = object["type"]?.codeText else { return [] }
            let rule = rules[code] ?? .unlisted
            return (object["targets"]?.idList ?? []).map { token in
                rule.receipt(
                    messageID: object["param"]?.codeText, token: token, vendorID: member.key, code: code,
                    at: object["timestamp"]?.receiptTime)
            }
        }
    }

    static let rules: [String: ReceiptRule] = [
        "1": .init(.delivered, "delivered to the device"),
        "2": .init(.clicked, "the notification was clicked"),
        "16": .init(.tokenDead, "the registration id is not valid any more"),
        "32": .init(.notificationsOff, "push is switched off for the app on the device"),
        "64": .init(.notShown, "filtered by the conditions of the push"),
        "128": .init(.limited, "the device had its share of messages for the day"),
        "1024": .init(.expired, "its time ran out before the device was online"),
    ]
}

import PushCore

/// OPPO's receipts (vendor-push reference, 7): `[{messageId, registrationIds: "a,b", eventTime, param, eventType}]`.
enum OPPOReceipts {
    static func read(_ document: RawJSON) -> [VendorReceipt] {
        (document.array ?? [document]).flatMap { item -> [VendorReceipt] in
            guard let object = item.object, let code = object["eventType"]?.codeText else { return [] }
            let rule = rules[code] ?? .unlisted
            return (object["registrationIds"]?.idList ?? []).map { token in
                rule.receipt(
                    messageID: object["param"]?.codeText, token: token, vendorID: object["messageId"]?.codeText,
                    code: code, at: object["eventTime"]?.receiptTime)
            }
        }
    }

    static let rules: [String: ReceiptRule] = [
        "push_arrive": .init(.delivered, "delivered to the device"),
        "regid_invalid": .init(.tokenDead, "the registration id is not valid any more"),
        "user_daily_limit": .init(.limited, "the device had its share of messages for the day"),
        "message_night_control": .init(.notShown, "not shown in night hours"),
    ]
}

import PushCore

/// vivo's receipts (vendor-push reference, 8): `{"<taskId>": {targets, ackTime, param, ackType, subAckType}}`.
enum VivoReceipts {
    static func read(_ document: RawJSON) -> [VendorReceipt] {
        (document.object?.members ?? []).flatMap { member -> [VendorReceipt] in
            guard let object = member.value.object else { return [] }
            // An absent type says that it arrived.
            let type = object["ackType"]?.codeText ?? "0"
            let subtype = object["subAckType"]?.codeText
            let code = subtype.map { "\(type)/\($0)" } ?? type
            let rule = rules[code] ?? rules[type] ?? .unlisted
            return (object["targets"]?.idList ?? []).map { token in
                rule.receipt(
                    messageID: object["param"]?.codeText, token: token, vendorID: member.key, code: code,
                    at: object["ackTime"]?.receiptTime)
            }
        }
    }

    /// By `ackType`, and by `ackType/subAckType` where that says more.
    static let rules: [String: ReceiptRule] = [
        "0": .init(.delivered, "arrived at the device"),
        "100": .init(.limited, "held back by vivo's control"),
        "100/11001": .init(.limited, "held back: the volume of the day is used up"),
        "100/12000": .init(.limited, "held back: the device had its share of messages"),
        "100/10012": .init(.expired, "its time ran out at vivo"),
        "100/14002": .init(.expired, "for online devices only, and the device was offline"),
        "101": .init(.notShown, "held back by vivo's review of the content"),
        "102": .init(.mismatch, "the device does not match"),
        "102/20001": .init(.tokenDead, "the device unsubscribed from the app's pushes"),
        "102/20002": .init(.tokenDead, "the device is not known to vivo"),
        "102/20006": .init(.inactive, "the device is not active"),
        "103": .init(.replaced, "overwritten by a newer message"),
        "104": .init(.notShown, "the device did not show it"),
        "104/1017": .init(.notShown, "not shown in night hours"),
        "104/2124": .init(.notShown, "a repeat of what the device had"),
        "104/2144": .init(.expired, "its time ran out before the device could show it"),
        "104/2183": .init(.tokenDead, "the registration id is not valid any more"),
    ]
}

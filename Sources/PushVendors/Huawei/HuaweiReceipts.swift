import PushCore

/// Huawei's receipts (vendor-push reference, 4.4): `{"statuses": […]}`, or one object of the V2 form.
enum HuaweiReceipts {
    static func read(_ document: RawJSON) -> [VendorReceipt] { StatusReceipts.read(document, rules: rules) }

    static let rules: [String: ReceiptRule] = [
        "0": .init(.delivered, "delivered to the device"),
        "2": .init(.tokenDead, "the app is not installed on the device any more"),
        "5": .init(.tokenDead, "the token is not on this device any more"),
        "6": .init(.notificationsOff, "notifications of the app are switched off on the device"),
        "10": .init(.inactive, "the device was not online for more than 30 days"),
        "14": .init(.other, "not delivered, for a reason Huawei does not name"),
        "15": .init(.replaced, "replaced by newer messages while the device was offline"),
        "22": .init(.mismatch, "another user is active on the device"),
        "27": .init(.held, "a data message is kept until the app's process runs"),
        "31": .init(.mismatch, "the version of the device or of the app does not support it"),
        "51": .init(.held, "the device was not unlocked since it was started"),
        "102": .init(.limited, "more than 3000 messages a day for this device and app"),
        "144": .init(.mismatch, "the profile on the device does not match"),
        "201": .init(.limited, "Huawei controls the delivery of this kind of message"),
        "256": .init(.limited, "the device had its share of marketing messages for the day"),
    ]
}

/// The form that Huawei and HONOR share.
enum StatusReceipts {
    static func read(_ document: RawJSON, rules: [String: ReceiptRule]) -> [VendorReceipt] {
        let items = document.array ?? document.object?["statuses"]?.array ?? [document]
        return items.compactMap { item in
            guard let object = item.object, let token = object["token"]?.string else { return nil }
            let status = object["deliveryStatus"]?.object
            guard let code = (status?["result"] ?? object["status"])?.codeText else { return nil }
            return (rules[code] ?? .unlisted).receipt(
                messageID: object["biTag"]?.codeText, token: token, vendorID: object["requestId"]?.codeText,
                code: code, at: (status?["timestamp"] ?? object["timestamp"])?.receiptTime)
        }
    }
}

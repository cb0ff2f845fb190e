import PushCore

/// HONOR's receipts (vendor-push reference, 5): `{"statuses": […]}`.
enum HONORReceipts {
    static func read(_ document: RawJSON) -> [VendorReceipt] { StatusReceipts.read(document, rules: rules) }

    static let rules: [String: ReceiptRule] = [
        "40000001": .init(.delivered, "the data message was delivered to the device"),
        "40000002": .init(.shown, "the notification was shown"),
        "40000003": .init(.tokenDead, "the app is not installed on the device any more"),
        "40000004": .init(.tokenDead, "the token is not valid any more"),
        "40000005": .init(.notificationsOff, "notifications of the app are switched off on the device"),
        "40000006": .init(.notShown, "the app is disabled on the device"),
        "40000007": .init(.clicked, "the notification was clicked"),
        "40000009": .init(.limited, "dropped by the system or by a quota"),
        "40000011": .init(.clicked, "clicked, but what the click opens could not be started"),
        "40000013": .init(.held, "kept while the screen is off"),
        "40000014": .init(.mismatch, "another user is active on the device"),
        "40000015": .init(.notShown, "the notification was not shown"),
        "50000003": .init(.held, "the data message is kept on the device"),
    ]
}

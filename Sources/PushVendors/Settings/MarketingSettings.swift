import PushCore

/// Channel and category for marketing, where a vendor gives them apart from those for service and communication. A
/// tenant's default for service must not go out with marketing: vendors punish that.
struct MarketingSettings: Sendable {
    let channel: String?
    let category: String?

    init(_ reader: inout SettingsReader) {
        channel = reader.optionalString("marketingChannel")
        category = reader.optionalString("marketingCategory")
    }

    func write(into writer: inout JSONWriter) {
        writer.member("marketingChannel", ifPresent: channel)
        writer.member("marketingCategory", ifPresent: category)
    }

    /// The push with the tenant's defaults for its class. What the sender said stays.
    ///
    /// - Parameter categoryDefault: the vendor's own word for marketing, where it has one.
    func completing(_ push: VendorPush, common: CommonSettings, categoryDefault: String? = nil) -> VendorPush {
        guard push.messageClass == .marketing else { return common.completing(push) }
        var push = push
        push.channel = push.channel ?? channel
        push.category = push.category ?? category ?? categoryDefault
        return push
    }
}

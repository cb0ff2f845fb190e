import PushCore

/// A tenant's Mi Push credential.
struct XiaomiSettings: VendorSettings {
    static let vendor = Vendor.xiaomi

    /// Where the app's users are.
    enum Region: String, CaseIterable {
        case china = "cn"
        case russia = "ru"
        case india = "idmb"
        case europe = "fr"
        case others = "sgp"

        var host: String {
            self == .china ? "api.xmpush.xiaomi.com" : "\(rawValue)-api.xmpush.global.xiaomi.com"
        }
    }

    let packageName: String
    let appSecret: String
    let region: Region
    /// Whether data messages are still passed through to the app: Xiaomi is withdrawing that.
    let passesThrough: Bool
    /// Longest life of a push, in seconds, where the vendor's own rule is not certain; nil for the rule as it is known.
    let timeToLiveMax: Int?
    let common: CommonSettings
    let marketing: MarketingSettings

    init(reading settings: RawJSON, policy: EndpointPolicy) throws(GatewayError) {
        var reader = SettingsReader(settings)
        packageName = reader.identifier("packageName")
        appSecret = reader.string("appSecret")
        // It goes into a header.
        if !appSecret.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) {
            reader.fault("appSecret", "has a character that is not allowed")
        }
        region =
            reader.optionalWord("region", of: Region.allCases.map(\.rawValue)).flatMap(Region.init) ?? .china
        passesThrough = reader.optionalBool("passThrough") ?? true
        timeToLiveMax = reader.optionalInteger("ttlSeconds", in: 1...1_209_600).map(Int.init)
        common = CommonSettings(&reader, policy: policy)
        marketing = MarketingSettings(&reader)
        try reader.finish()
    }

    var stored: RawJSON {
        .object { writer in
            writer.member("packageName", packageName)
            writer.member("appSecret", appSecret)
            writeOptions(into: &writer)
        }
    }

    var publicFields: RawJSON {
        .object { writer in
            writer.member("packageName", packageName)
            writeOptions(into: &writer)
        }
    }

    private func writeOptions(into writer: inout JSONWriter) {
        writer.member("region", region.rawValue)
        if !passesThrough { writer.member("passThrough", false) }
        writer.member("ttlSeconds", ifPresent: timeToLiveMax)
        common.write(into: &writer)
        marketing.write(into: &writer)
    }

    var tenantURLs: [(pointer: String, url: EndpointURL)] { common.endpoint.map { [("/endpoint", $0)] } ?? [] }

    func completing(_ push: VendorPush) -> VendorPush {
        marketing.completing(push, common: common).fillingBlankTexts
    }

    func makeSender(in surroundings: SenderSurroundings) -> any VendorSender {
        XiaomiSender(settings: self, surroundings: surroundings)
    }
}

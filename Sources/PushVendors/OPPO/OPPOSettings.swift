import PushCore

/// A tenant's OPPO Push credential.
struct OPPOSettings: VendorSettings {
    static let vendor = Vendor.oppo

    let appKey: String
    let masterSecret: String
    /// Longest text of a notification, in characters. The vendor's figure was 200 once and is 50 in newer pages.
    let contentMax: Int
    /// The strongest form of showing that the app has permission for: 1 shade, 2 lock screen too, 16 full.
    let notifyLevelMax: Int
    let common: CommonSettings
    let marketing: MarketingSettings

    private static let contentMaxDefault = 50
    private static let levels: [Int64] = [1, 2, 16]

    init(reading settings: RawJSON, policy: EndpointPolicy) throws(GatewayError) {
        var reader = SettingsReader(settings)
        appKey = reader.string("appKey")
        masterSecret = reader.string("masterSecret")
        contentMax =
            reader.optionalInteger("contentCharacters", in: 2...200).map(Int.init) ?? Self.contentMaxDefault
        let level = reader.optionalInteger("notifyLevel", in: 1...16) ?? 16
        if !Self.levels.contains(level) { reader.fault("notifyLevel", "must be 1, 2 or 16") }
        notifyLevelMax = Int(level)
        common = CommonSettings(&reader, policy: policy)
        marketing = MarketingSettings(&reader)
        try reader.finish()
    }

    var stored: RawJSON {
        .object { writer in
            writer.member("appKey", appKey)
            writer.member("masterSecret", masterSecret)
            writeOptions(into: &writer)
        }
    }

    var publicFields: RawJSON {
        .object { writer in
            writer.member("appKey", appKey)
            writeOptions(into: &writer)
        }
    }

    private func writeOptions(into writer: inout JSONWriter) {
        if contentMax != Self.contentMaxDefault { writer.member("contentCharacters", contentMax) }
        if notifyLevelMax != 16 { writer.member("notifyLevel", notifyLevelMax) }
        common.write(into: &writer)
        marketing.write(into: &writer)
    }

    var tenantURLs: [(pointer: String, url: EndpointURL)] { common.endpoint.map { [("/endpoint", $0)] } ?? [] }

    func completing(_ push: VendorPush) -> VendorPush {
        marketing.completing(push, common: common).fillingBlankTexts
    }

    func makeSender(in surroundings: SenderSurroundings) -> any VendorSender {
        OPPOSender(settings: self, surroundings: surroundings)
    }
}

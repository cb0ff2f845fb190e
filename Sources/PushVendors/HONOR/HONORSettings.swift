import PushCore

/// A tenant's HONOR Push credential.
struct HONORSettings: VendorSettings {
    static let vendor = Vendor.honor

    /// The path of the login; the vendor had another one before.
    static let loginPathDefault = "/auth/token"

    let appID: String
    let clientID: String
    let clientSecret: String
    let loginPath: String
    /// Longest body without the tokens, in bytes. HONOR's own figure is not certain.
    let payloadMax: Int
    let common: CommonSettings
    let marketing: MarketingSettings

    init(reading settings: RawJSON, policy: EndpointPolicy) throws(GatewayError) {
        var reader = SettingsReader(settings)
        appID = reader.identifier("appId")
        clientID = reader.identifier("clientId")
        clientSecret = reader.string("clientSecret")
        let path = reader.optionalIdentifier(
            "loginPath", characters: SettingsReader.plainCharacters.union(["/"]))
        if let path, !path.hasPrefix("/") { reader.fault("loginPath", "must begin with /") }
        loginPath = path ?? Self.loginPathDefault
        payloadMax = reader.optionalInteger("payloadBytes", in: 1024...65_536).map(Int.init) ?? 4096
        common = CommonSettings(&reader, policy: policy)
        marketing = MarketingSettings(&reader)
        try reader.finish()
    }

    var stored: RawJSON {
        .object { writer in
            writeNames(into: &writer)
            writer.member("clientSecret", clientSecret)
            writeOptions(into: &writer)
        }
    }

    var publicFields: RawJSON {
        .object { writer in
            writeNames(into: &writer)
            writeOptions(into: &writer)
        }
    }

    private func writeNames(into writer: inout JSONWriter) {
        writer.member("appId", appID)
        writer.member("clientId", clientID)
    }

    private func writeOptions(into writer: inout JSONWriter) {
        if loginPath != Self.loginPathDefault { writer.member("loginPath", loginPath) }
        if payloadMax != 4096 { writer.member("payloadBytes", payloadMax) }
        common.write(into: &writer)
        marketing.write(into: &writer)
    }

    var tenantURLs: [(pointer: String, url: EndpointURL)] { common.endpoint.map { [("/endpoint", $0)] } ?? [] }

    func completing(_ push: VendorPush) -> VendorPush {
        marketing.completing(push, common: common).fillingBlankTexts
    }

    func makeSender(in surroundings: SenderSurroundings) -> any VendorSender {
        HONORSender(settings: self, surroundings: surroundings)
    }
}

import PushCore

/// A tenant's app at Microsoft: registered with Entra (Windows App SDK) or, with `legacy`, with the Store (UWP).
struct WNSSettings: VendorSettings {
    static let vendor = Vendor.wns

    /// Nil for a legacy app.
    let tenantID: String?
    /// The application's id, or a legacy app's package SID (`ms-app://…`).
    let clientID: String
    let clientSecret: String
    /// Whether a toast with the same tag takes the place of the one that is shown, so that a push whose outcome is
    /// unknown may be repeated. Documented for phones only.
    let tagReplaces: Bool
    let common: CommonSettings

    var isLegacy: Bool { tenantID == nil }

    init(reading settings: RawJSON, policy: EndpointPolicy) throws(GatewayError) {
        var reader = SettingsReader(settings)
        let isLegacy = reader.flag("legacy")
        tenantID = isLegacy ? nil : reader.identifier("tenantId")
        clientID = reader.string("clientId")
        if isLegacy, !clientID.isEmpty, !clientID.hasPrefix("ms-app://") {
            reader.fault("clientId", "must be the package SID, which begins with ms-app://")
        }
        clientSecret = reader.string("clientSecret", bytesMax: 1024)
        tagReplaces = reader.flag("tagReplaces")
        common = CommonSettings(&reader, policy: policy)
        try reader.finish()
    }

    var stored: RawJSON {
        .object { writer in
            write(into: &writer)
            writer.member("clientSecret", clientSecret)
        }
    }

    var publicFields: RawJSON { .object { write(into: &$0) } }

    private func write(into writer: inout JSONWriter) {
        if isLegacy { writer.member("legacy", true) }
        writer.member("tenantId", ifPresent: tenantID)
        writer.member("clientId", clientID)
        if tagReplaces { writer.member("tagReplaces", true) }
        common.write(into: &writer)
    }

    var tenantURLs: [(pointer: String, url: EndpointURL)] { common.endpoint.map { [("/endpoint", $0)] } ?? [] }

    func makeSender(in surroundings: SenderSurroundings) -> any VendorSender {
        WNSSender(settings: self, surroundings: surroundings)
    }

    // MARK: Login

    var loginOrigin: EndpointURL {
        common.endpoint ?? EndpointURL(knownHost: isLegacy ? "login.live.com" : "login.microsoftonline.com")
    }

    var loginURL: String {
        loginOrigin.base + (tenantID.map { "/\($0)/oauth2/v2.0/token" } ?? "/accesstoken.srf")
    }

    var loginScope: String { isLegacy ? "notify.windows.com" : "https://wns.windows.com/.default" }
}

import PushCore

/// A tenant's Huawei Push Kit credential.
struct HuaweiSettings: VendorSettings {
    static let vendor = Vendor.huawei

    /// With it the API of version 2 is called, else version 1 with ``appID``.
    let projectID: String?
    let appID: String?
    /// The app id, unless the credential is a project's.
    let clientID: String
    let clientSecret: String
    /// What Huawei signs its receipts with; nil = its receipts are not signed.
    let receipt: HuaweiReceiptSettings?
    /// Whether the app has Huawei's permission for urgent data messages; without it Huawei refuses them.
    let mayBeUrgent: Bool
    let common: CommonSettings
    let marketing: MarketingSettings

    init(reading settings: RawJSON, policy: EndpointPolicy) throws(GatewayError) {
        var reader = SettingsReader(settings)
        projectID = reader.optionalIdentifier("projectId")
        appID = reader.optionalIdentifier("appId")
        if projectID == nil, appID == nil { reader.fault("projectId", "is required, or appId for the older API") }
        let clientID = reader.optionalIdentifier("clientId") ?? appID
        if clientID == nil { reader.fault("clientId", "is required") }
        self.clientID = clientID ?? ""
        clientSecret = reader.string("clientSecret")
        receipt = HuaweiReceiptSettings(&reader)
        mayBeUrgent = reader.optionalBool("urgentData") ?? false
        common = CommonSettings(&reader, policy: policy)
        marketing = MarketingSettings(&reader)
        try reader.finish()
    }

    var stored: RawJSON {
        .object { writer in
            writeNames(into: &writer)
            writer.member("clientSecret", clientSecret)
            receipt?.write(into: &writer)
            writeOptions(into: &writer)
        }
    }

    var publicFields: RawJSON {
        .object { writer in
            writeNames(into: &writer)
            receipt?.writePublic(into: &writer)
            writeOptions(into: &writer)
        }
    }

    private func writeNames(into writer: inout JSONWriter) {
        writer.member("projectId", ifPresent: projectID)
        writer.member("appId", ifPresent: appID)
        writer.member("clientId", clientID)
    }

    private func writeOptions(into writer: inout JSONWriter) {
        if mayBeUrgent { writer.member("urgentData", true) }
        common.write(into: &writer)
        marketing.write(into: &writer)
    }

    var tenantURLs: [(pointer: String, url: EndpointURL)] { common.endpoint.map { [("/endpoint", $0)] } ?? [] }

    /// Where messages are posted.
    var path: String {
        if let projectID { return "/v2/\(projectID)/messages:send" }
        return "/v1/\(appID ?? clientID)/messages:send"
    }

    func completing(_ push: VendorPush) -> VendorPush {
        marketing.completing(push, common: common, categoryDefault: "MARKETING").fillingBlankTexts
    }

    func makeSender(in surroundings: SenderSurroundings) -> any VendorSender {
        HuaweiSender(settings: self, surroundings: surroundings)
    }
}

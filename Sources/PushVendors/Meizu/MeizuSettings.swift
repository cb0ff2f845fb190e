import PushCore

/// A tenant's app at Meizu.
struct MeizuSettings: VendorSettings {
    static let vendor = Vendor.meizu

    let appID: String
    let appSecret: String
    let replies: ReplyOverrides
    /// What Meizu's receipts carry; nil = nothing is asked of them beside the address.
    let receipt: MeizuReceiptSettings?
    let common: CommonSettings

    init(reading settings: RawJSON, policy: EndpointPolicy) throws(GatewayError) {
        var reader = SettingsReader(settings)
        appID = reader.digits("appId")
        appSecret = reader.string("appSecret")
        replies = ReplyOverrides(&reader, success: "200")
        receipt = MeizuReceiptSettings(&reader)
        common = CommonSettings(&reader, policy: policy)
        try reader.finish()
    }

    var stored: RawJSON {
        .object { writer in
            write(into: &writer)
            writer.member("appSecret", appSecret)
            receipt?.write(into: &writer)
        }
    }

    var publicFields: RawJSON { .object { write(into: &$0) } }

    private func write(into writer: inout JSONWriter) {
        writer.member("appId", appID)
        replies.write(into: &writer)
        common.write(into: &writer)
    }

    var tenantURLs: [(pointer: String, url: EndpointURL)] { common.endpoint.map { [("/endpoint", $0)] } ?? [] }

    func makeSender(in surroundings: SenderSurroundings) -> any VendorSender {
        MeizuSender(settings: self, surroundings: surroundings)
    }

    var origin: EndpointURL { common.endpoint ?? EndpointURL(knownHost: "server-api-push.meizu.com") }
}

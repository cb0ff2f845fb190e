import Foundation
import PushCore

/// A tenant's app at vivo.
struct VivoSettings: VendorSettings {
    static let vendor = Vendor.vivo

    /// Digits; vivo wants a JSON number.
    let appID: String
    let appKey: String
    let appSecret: String
    /// The subclass of operational pushes; that of system pushes is the common `category`. vivo refuses a subclass of
    /// the other kind.
    let marketingCategory: String?
    /// Longest life of a push in seconds: a day, for older contracts seven.
    let timeToLiveMax: Int
    let replies: ReplyOverrides
    let common: CommonSettings

    static let dayMax = 7

    init(reading settings: RawJSON, policy: EndpointPolicy) throws(GatewayError) {
        var reader = SettingsReader(settings)
        appID = reader.digits("appId")
        // vivo signs trimmed values.
        appKey = reader.string("appKey").trimmingCharacters(in: .whitespacesAndNewlines)
        appSecret = reader.string("appSecret").trimmingCharacters(in: .whitespacesAndNewlines)
        marketingCategory = reader.optionalString("marketingCategory")
        timeToLiveMax = reader.integer("timeToLiveMax", in: 60...Self.dayMax * 86_400, default: 86_400)
        replies = ReplyOverrides(&reader, success: "0")
        common = CommonSettings(&reader, policy: policy)
        try reader.finish()
    }

    var stored: RawJSON {
        .object { writer in
            write(into: &writer)
            writer.member("appSecret", appSecret)
        }
    }

    var publicFields: RawJSON { .object { write(into: &$0) } }

    private func write(into writer: inout JSONWriter) {
        writer.member("appId", appID)
        writer.member("appKey", appKey)
        writer.member("marketingCategory", ifPresent: marketingCategory)
        if timeToLiveMax != 86_400 { writer.member("timeToLiveMax", timeToLiveMax) }
        replies.write(into: &writer)
        common.write(into: &writer)
    }

    var tenantURLs: [(pointer: String, url: EndpointURL)] { common.endpoint.map { [("/endpoint", $0)] } ?? [] }

    func makeSender(in surroundings: SenderSurroundings) -> any VendorSender {
        VivoSender(settings: self, surroundings: surroundings)
    }

    var origin: EndpointURL { common.endpoint ?? EndpointURL(knownHost: "api-push.vivo.com.cn") }
}

import PushCore

/// One notification for vivo (dev.vivo.com.cn: "message/send", "message/saveListPayload").
struct VivoRequest: Sendable {
    static let titleMax = 40
    static let contentMax = 100
    static let skipContentMax = 1024
    /// `clientCustomMap`: keys and values together.
    static let customMax = 1024
    static let callbackMax = 128
    static let callbackParameterMax = 64

    private let push: VendorPush
    private let settings: VivoSettings
    private let receiptURL: String?

    init(_ push: VendorPush, settings: VivoSettings, receiptURL: String?) {
        self.push = push.fillingBlankTexts
        self.settings = settings
        self.receiptURL = receiptURL
    }

    /// For `/message/send`.
    var single: [UInt8] {
        build(requestID: StableIdentifier.hexText(of: push)) { $0.member("regId", push.token.token) }
    }

    /// For `/message/saveListPayload`.
    func payload(for batch: [VendorPush]) -> [UInt8] {
        build(requestID: Self.requestID(of: batch, step: "payload")) { _ in }
    }

    /// For `/message/pushToList`.
    static func list(_ batch: [VendorPush], taskID: RawJSON, settings: VivoSettings) -> [UInt8] {
        JSONWriter.object { writer in
            writer.member("appId", Int64(settings.appID) ?? 0)
            writer.member("taskId", taskID)
            writer.array("regIds") { ids in
                for push in batch { ids.string(push.token.token) }
            }
            writer.member("requestId", requestID(of: batch, step: "list"))
        }
    }

    /// The same for the same pushes, and another for every other list: what is left of a list is a list of its own.
    private static func requestID(of batch: [VendorPush], step: String) -> String {
        let ids = batch.map { StableIdentifier.hexText(of: $0) }.sorted()
        return StableIdentifier.headerValue(step + " " + ids.joined(), bytesMax: 0)
    }

    private static let protected =
        ["appId", "regId", "regIds", "alias", "taskId", "requestId"].map { [$0] } + [["clientCustomMap", "messageId"]]
        + ["callback", "callback.param", "callback.id"].map { ["extra", $0] }

    private func build(requestID: String, _ target: (inout JSONWriter) -> Void) -> [UInt8] {
        let built = RawJSON.object { writer in
            writer.member("appId", Int64(settings.appID) ?? 0)
            target(&writer)
            writeTexts(into: &writer)
            writer.member("notifyType", push.sound?.isEmpty == true ? 1 : 4)
            writeLife(into: &writer)
            writeClick(into: &writer)
            writer.member("networkType", -1)
            writer.member("classification", push.messageClass == .transactional ? 1 : 0)
            writer.member("category", ifPresent: category)
            writer.object("clientCustomMap") { map in
                for member in FlatData.members(of: push, bytesMax: Self.customMax) {
                    map.member(member.key, member.value)
                }
            }
            writeCallback(into: &writer)
            writer.member("requestId", requestID)
            writer.member("pushMode", 0)
            writer.member("notifyId", StableIdentifier.notifyID(of: push))
        }
        return Array(built.applying(override: push.override, protecting: Self.protected).bytes)
    }

    private func writeTexts(into writer: inout JSONWriter) {
        writer.member("title", push.title.shortened(charactersMax: Self.titleMax))
        writer.member("content", push.body.shortened(charactersMax: Self.contentMax))
    }

    private func writeLife(into writer: inout JSONWriter) {
        writer.member("timeToLive", min(max(push.timeToLiveSeconds, 60), settings.timeToLiveMax))
        if push.timeToLiveSeconds <= 0 { writer.member("sendOnline", true) }
    }

    /// A target that is too long is left out: the app opens, and has `messageId`.
    private func writeClick(into writer: inout JSONWriter) {
        guard let action = push.action, action.kind != .app, action.value.utf8.count <= Self.skipContentMax else {
            writer.member("skipType", 1)
            return
        }
        writer.member("skipType", action.kind == .url ? 2 : 4)
        writer.member("skipContent", action.value)
    }

    /// Upper case, as vivo's subclasses are.
    private var category: String? {
        let fallback = push.messageClass == .transactional ? settings.common.category : settings.marketingCategory
        return (push.category ?? fallback)?.uppercased()
    }

    private func writeCallback(into writer: inout JSONWriter) {
        guard let receiptURL, receiptURL.utf8.count <= Self.callbackMax else { return }
        writer.object("extra") { extra in
            extra.member("callback", receiptURL)
            if push.messageID.utf8.count <= Self.callbackParameterMax {
                extra.member("callback.param", push.messageID)
            }
        }
    }
}

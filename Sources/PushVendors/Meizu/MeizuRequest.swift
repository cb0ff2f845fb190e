import Crypto
import Foundation
import PushCore
import PushCredentials

/// One notification for up to a hundred of Meizu's `pushId`s (GitHub MEIZUPUSH/PushAPI), as a signed form.
struct MeizuRequest: Sendable, Equatable {
    static let path = "/garcia/api/server/push/varnished/pushByPushId"
    static let titleMax = 32
    static let contentMax = 100
    static let notifyKeyMax = 8
    static let callbackMax = 128
    static let callbackParameterMax = 64
    /// Meizu names no limit for `parameters`; this is the size of a payload with other vendors.
    static let parametersMax = 4096

    let body: [UInt8]

    /// - Parameter push: any push of the batch, whose contents are equal.
    init(_ push: VendorPush, to pushIDs: [String], settings: MeizuSettings, receiptURL: String?) {
        let message = Self.message(push, receiptURL: receiptURL)
        let fields = [
            ("appId", settings.appID), ("messageJson", message.text), ("pushIds", pushIDs.joined(separator: ",")),
        ]
        body = FormBody.encode(fields + [("sign", Self.sign(fields, secret: settings.appSecret))])
    }

    /// MD5 over the fields sorted by name, as `name=value` with nothing between them, and the secret. The values are
    /// those before the form's encoding.
    static func sign(_ fields: [(name: String, value: String)], secret: String) -> String {
        MD5Text.hex(fields.sorted { $0.name < $1.name }.map { $0.name + "=" + $0.value }.joined() + secret)
    }

    private static let protected =
        [["clickTypeInfo", "parameters", "messageId"]]
        + ["callback", "callback.param", "callback.type"].map { ["extra", $0] }

    static func message(_ push: VendorPush, receiptURL: String?) -> RawJSON {
        let push = push.fillingBlankTexts
        let built = RawJSON.object { writer in
            writer.object("noticeBarInfo") { bar in
                bar.member("noticeMsgType", push.messageClass == .transactional ? 1 : 0)
                bar.member("noticeBarType", 0)
                bar.member("title", push.title.shortened(charactersMax: titleMax))
                bar.member("content", push.body.shortened(charactersMax: contentMax))
            }
            writer.object("clickTypeInfo") { writeClick(of: push, into: &$0) }
            writer.object("pushTimeInfo") { time in
                time.member("offLine", push.timeToLiveSeconds > 0 ? 1 : 0)
                time.member("validTime", validHours(push.timeToLiveSeconds))
            }
            writer.object("advanceInfo") { advance in
                let rings = push.sound?.isEmpty == true ? 0 : 1
                advance.object("notificationType") { type in
                    for name in ["vibrate", "lights", "sound"] { type.member(name, rings) }
                }
                advance.member("notifyKey", notifyKey(of: push))
            }
            writeCallback(of: push, receiptURL, into: &writer)
        }
        return built.applying(override: push.override, protecting: protected)
    }

    /// Whole hours from 1 to 72. Rounded up: a push that ends too early is lost.
    static func validHours(_ seconds: Int) -> Int { min(max((seconds + 3599) / 3600, 1), 72) }

    /// Eight characters that stand for the push's replace key.
    static func notifyKey(of push: VendorPush) -> String {
        let digest = SHA256.hash(data: Data("\(push.tenantNo.utf8.count):\(push.tenantNo)\(push.replaceKey)".utf8))
        return String(Base64URL.encode(Array(digest)).prefix(notifyKeyMax))
    }

    private static func writeClick(of push: VendorPush, into click: inout JSONWriter) {
        switch push.action?.kind {
        case .url:
            click.member("clickType", 2)
            click.member("url", ifPresent: push.action?.value)
        case .page, .intent:
            click.member("clickType", 1)
            click.member("activity", ifPresent: push.action?.value)
        case .app, nil: click.member("clickType", 0)
        }
        click.object("parameters") { parameters in
            for member in FlatData.members(of: push, bytesMax: parametersMax) {
                parameters.member(member.key, member.value)
            }
        }
    }

    private static func writeCallback(of push: VendorPush, _ receiptURL: String?, into writer: inout JSONWriter) {
        guard let receiptURL, receiptURL.utf8.count <= callbackMax else { return }
        writer.object("extra") { extra in
            extra.member("callback", receiptURL)
            if push.messageID.utf8.count <= callbackParameterMax { extra.member("callback.param", push.messageID) }
            extra.member("callback.type", 3)  // delivered and clicked
        }
    }
}

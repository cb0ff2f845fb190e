import PushCore

/// The JSON text by which phone makers carry an app's own data: the message id beside the sender's members.
enum MessageData {
    /// - Parameter bytesMax: of text that is longer, as much goes as there is room for.
    static func text(of push: VendorPush, bytesMax: Int) -> String {
        text(of: push) { $0.utf8.count <= bytesMax }
    }

    /// The whole text, or as much of it as fits: the subtitle is cut first, then the data is left out, then the
    /// subtitle. The message id alone always goes.
    static func text(of push: VendorPush, fits: (String) -> Bool = { _ in true }) -> String {
        let subtitle = push.isSilent ? nil : push.subtitle
        let members = push.data?.object?.members ?? []
        for part in members.isEmpty ? [[]] : [members, []] {
            let whole = text(part, subtitle: subtitle, of: push)
            if fits(whole) { return whole }
            if let subtitle, let cut = cut(subtitle, part, of: push, fits: fits) { return cut }
        }
        return text([], subtitle: nil, of: push)
    }

    /// With the longest beginning of the subtitle that fits, "…" behind it.
    private static func cut(
        _ subtitle: String, _ members: [JSONObject.Member], of push: VendorPush, fits: (String) -> Bool
    ) -> String? {
        let characters = Array(subtitle)
        var best: String?
        var (low, high) = (0, characters.count - 1)
        while low < high {
            let middle = (low + high + 1) / 2
            let shorter = text(members, subtitle: String(characters[..<middle]) + "…", of: push)
            if fits(shorter) { (low, best) = (middle, shorter) } else { high = middle - 1 }
        }
        return best
    }

    private static func text(_ members: [JSONObject.Member], subtitle: String?, of push: VendorPush) -> String {
        let bytes = JSONWriter.object { writer in
            writer.member("messageId", push.messageID)
            writer.member("subtitle", ifPresent: subtitle)
            for member in members where member.key != "messageId" && !(member.key == "subtitle" && subtitle != nil) {
                writer.member(member.key, member.value)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A body after the sender's override, whose data text at `path` the override may have replaced: the message id is
    /// in it again. What the override put there and is no JSON object gives way to what was there before.
    static func restoringMessageID(_ messageID: String, in body: RawJSON, before: RawJSON, at path: [String])
        -> RawJSON
    {
        let value = body.value(at: path)
        let original = before.value(at: path)
        if value == original { return body }
        let text = value?.string.flatMap { try? RawJSON(parsing: Array($0.utf8)) }
        guard let object = value?.object ?? text?.object else { return body.setting(original, at: path) }
        let bytes = JSONWriter.object { writer in
            writer.member("messageId", messageID)
            for member in object.members where member.key != "messageId" { writer.member(member.key, member.value) }
        }
        var writer = JSONWriter()
        writer.string(String(decoding: bytes, as: UTF8.self))
        return body.setting(RawJSON(archived: writer.bytes), at: path)
    }
}

extension VendorPush {
    /// With words where there are none: phone makers refuse a blank title or text, and a push is never refused.
    var fillingBlankTexts: VendorPush {
        guard !isSilent else { return self }
        func isBlank(_ text: String) -> Bool { text.allSatisfy(\.isWhitespace) }
        var push = self
        if isBlank(push.body) { push.body = isBlank(push.title) ? "…" : push.title }
        if isBlank(push.title) { push.title = push.body }
        return push
    }

    /// A push that takes the place of another one: it shows, and does not ring.
    var isQuiet: Bool { sound == "" }

    /// The sound file; nil where the device's own sound is meant, or none.
    var namedSound: String? { sound.flatMap { $0.isEmpty || $0 == "default" ? nil : $0 } }
}

extension VendorPush.ClickAction {
    /// Whether the value is a URI (`intent://…`, `app://page`) rather than the name of an action or a class.
    var isURI: Bool { value.hasPrefix("intent:") || value.hasPrefix("#Intent;") || value.contains("://") }
}

extension VendorPush {
    /// The picture where only https is accepted: one that is not would have the whole push refused.
    var secureImage: String? { image.flatMap { $0.lowercased().hasPrefix("https://") ? $0 : nil } }
}

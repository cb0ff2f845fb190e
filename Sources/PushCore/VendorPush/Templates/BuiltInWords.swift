/// What is shown where neither the sender nor the tenant says otherwise, by language. `zh` is simplified Chinese and
/// serves every kind of it; every other language is served by `en`.
struct BuiltInWords: Sendable {
    /// A word for what has no text of its own. A text shows its text; a card or a prescription its title.
    let types: [MessageType: String]
    let voiceCall: String
    let videoCall: String
    /// Elements of Tencent's messages that no native type is like.
    let location: String
    let face: String
    /// For a type that is not in `types`.
    let other: String
    /// In the place of a message that its sender took back.
    let withdrawn: String
    /// In the place of a call that no longer rings.
    let callEnded: String
    /// Instead of everything, where the tenant lets nothing of a message be shown.
    let neutral: String

    static let english = BuiltInWords(
        types: [
            .image: "[Photo]", .voice: "[Voice message]", .video: "[Video]", .file: "[File]", .appCard: "[Card]",
            .orgUpdate: "[Organization update]", .call: "[Call]", .prescription: "[Prescription]",
        ],
        voiceCall: "[Voice call]", videoCall: "[Video call]", location: "[Location]",
        face: "[Face]", other: "[Message]", withdrawn: "Message withdrawn",
        callEnded: "Call ended", neutral: "You have a new message")

    static let chinese = BuiltInWords(
        types: [
            .image: "[图片]", .voice: "[语音]", .video: "[视频]", .file: "[文件]", .appCard: "[卡片]",
            .orgUpdate: "[组织更新]", .call: "[通话]", .prescription: "[处方]",
        ],
        voiceCall: "[语音通话]", videoCall: "[视频通话]", location: "[位置]", face: "[表情]", other: "[消息]", withdrawn: "消息已撤回",
        callEnded: "通话已结束",
        neutral: "您有一条新消息")

    private static let byLanguage = ["en": english, "zh": chinese]

    /// The first of these languages that there are words for.
    static func words(in languages: [String]) -> BuiltInWords {
        languages.lazy.compactMap { byLanguage[$0] }.first ?? english
    }

    /// The body of a message's notification: the text of a text, the title of a card, the texts of Tencent's elements, else a
    /// word for the type.
    func body(of message: ArchivedMessage) -> String {
        let content = message.content?.object
        switch message.type {
        case .text: if let text = content?["text"]?.string { return text }
        case .appCard, .prescription: if let title = content?["title"]?.string { return title }
        case .call: if let word = Self.isVideo(content?["avType"]).map({ $0 ? videoCall : voiceCall }) { return word }
        case .custom: if let text = content.flatMap({ TencentElementText.text(of: $0, words: self) }) { return text }
        default: break
        }
        return types[message.type] ?? other
    }

    /// `avType` of a call: 1 or `audio` for one with sound only, 2 or `video` for one with pictures.
    private static func isVideo(_ avType: RawJSON?) -> Bool? {
        switch avType?.string?.lowercased() ?? avType?.text {
        case "1", "audio", "voice": false
        case "2", "video": true
        default: nil
        }
    }
}

/// What a notification shows of a message of Tencent's elements: their texts with nothing between them (document
/// 1047-33527). An image, a sound and the like have words as the native types that they are.
enum TencentElementText {
    /// nil where the content is no such array, or its elements say nothing.
    static func text(of content: JSONObject, words: BuiltInWords) -> String? {
        guard let elements = content["MsgBody"]?.array else { return nil }
        let text = elements.compactMap(\.object).map { Self.text(ofElement: $0, words) }.joined()
        return text.isEmpty ? nil : text
    }

    private static func text(ofElement element: JSONObject, _ words: BuiltInWords) -> String {
        let content = element["MsgContent"]?.object
        return switch element["MsgType"]?.string {
        case "TIMTextElem": content?["Text"]?.string ?? ""
        case "TIMCustomElem": content?["Desc"]?.string ?? ""
        case "TIMLocationElem": words.location
        case "TIMFaceElem": words.face
        case "TIMImageElem": words.types[.image] ?? words.other
        case "TIMSoundElem": words.types[.voice] ?? words.other
        case "TIMVideoFileElem": words.types[.video] ?? words.other
        case "TIMFileElem": words.types[.file] ?? words.other
        case "TIMRelayElem": content?["Title"]?.string ?? words.other
        default: words.other
        }
    }
}

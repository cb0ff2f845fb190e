/// Content as Tencent's IM writes it, an array of elements, and as it is archived (contract, section 13).
public enum TencentContent {
    /// A `MsgBody` as type and content: TEXT where it is a single text element, CUSTOM otherwise. The elements stay as
    /// they were sent, byte for byte, and so does `CloudCustomData`.
    public static func native(msgBody: RawJSON, cloudCustomData: RawJSON?) -> (type: MessageType, content: RawJSON) {
        let elements = msgBody.array ?? []
        let text = elements.count == 1 ? elements.first.flatMap(self.text(ofElement:)) : nil
        let content = RawJSON.object { writer in
            writer.member("text", ifPresent: text)
            writer.member("MsgBody", msgBody)
            writer.member("CloudCustomData", ifPresent: cloudCustomData)
        }
        return (text == nil ? .custom : .text, content)
    }

    /// The elements of a message, however it came in: those it was sent with, a text element for a native text, and a
    /// custom element that holds the content for everything else.
    ///
    /// - Parameter content: nil = erased: no elements.
    public static func msgBody(type: MessageType, content: RawJSON?) -> RawJSON {
        guard let content else { return RawJSON(archived: Array("[]".utf8)) }
        if let sent = content.object?["MsgBody"], sent.kind == .array { return sent }
        var writer = JSONWriter()
        writer.array { writer in
            writer.object { writer in
                if type == .text, let text = content.object?["text"], text.kind == .string {
                    writer.member("MsgType", "TIMTextElem")
                    writer.object("MsgContent") { $0.member("Text", text) }
                } else {
                    writer.member("MsgType", "TIMCustomElem")
                    writer.object("MsgContent") { writer in
                        writer.member("Data", content.text)
                        writer.member("Desc", type.name ?? String(type.rawValue))
                        writer.member("Ext", "")
                        writer.member("Sound", "")
                    }
                }
            }
        }
        return RawJSON(archived: writer.bytes)
    }

    /// Content with another `CloudCustomData`, and everything else as it is.
    static func content(_ content: RawJSON?, with data: RawJSON) -> RawJSON {
        .object { writer in
            for member in content?.object?.members ?? [] where member.key != "CloudCustomData" {
                writer.member(member.key, member.value)
            }
            writer.member("CloudCustomData", data)
        }
    }

    /// New elements in place of those of a message that was sent in this form, with what it has beside them
    /// (`GroupAtInfo`, `MsgPriority`). Of a native message nothing is left: what it says is in the elements.
    static func content(_ content: RawJSON, keepingMembersOf old: RawJSON?) -> RawJSON {
        guard let old = old?.object, old["MsgBody"] != nil else { return content }
        return .object { writer in
            for member in content.object?.members ?? [] { writer.member(member.key, member.value) }
            for member in old.members where !["text", "MsgBody", "CloudCustomData"].contains(member.key) {
                writer.member(member.key, member.value)
            }
        }
    }

    /// The `CloudCustomData` that a message was sent with.
    public static func cloudCustomData(content: RawJSON?) -> RawJSON? { content?.object?["CloudCustomData"] }

    /// Whether a value has the form of an element: a type's name, and an object.
    static func isElement(_ value: RawJSON) -> Bool {
        guard let object = value.object else { return false }
        return object["MsgType"]?.string?.hasPrefix("TIM") == true && object["MsgContent"]?.kind == .object
    }

    private static func text(ofElement element: RawJSON) -> RawJSON? {
        guard let object = element.object, object["MsgType"]?.string == "TIMTextElem",
            let text = object["MsgContent"]?.object?["Text"], text.kind == .string
        else { return nil }
        return text
    }
}

import Mustache

/// What a template can show of a push. Values are looked up when they are named; lists and functions are not given, so
/// that a template can neither loop nor compute.
struct TemplateVariables: MustacheParent, MustacheCustomRenderable {
    /// Longest value, in bytes.
    static let valueBytesMax = 4096

    let subject: PushSubject
    let words: BuiltInWords

    /// The whole is nothing to show.
    var renderText: String { "" }
    var isNull: Bool { false }

    func child(named name: String) -> Any? {
        let message = subject.message
        switch name {
        case "sender": return Self.text(subject.senderName ?? subject.tenant.name)
        case "member": return Self.text(message.form == .group ? subject.names.user : nil)
        case "group": return Self.text(subject.names.group)
        case "app": return Self.text(subject.names.app)
        case "tenant": return Self.text(subject.tenant.name)
        case "text": return Self.text(words.body(of: message))
        case "type": return message.type.name ?? "\(message.type.rawValue)"
        case "id": return message.id
        case "unread": return subject.unreadTotal.map { "\($0)" }
        case "content": return message.content.flatMap(Self.value)
        default: return nil
        }
    }

    /// An empty text counts as absent, so that a section around it is left out.
    fileprivate static func text(_ text: String?) -> String? {
        guard let text, !text.isEmpty else { return nil }
        return text.shortened(bytesMax: valueBytesMax)
    }

    /// Numbers stay as they were written.
    fileprivate static func value(_ json: RawJSON) -> Any? {
        switch json.kind {
        case .object: json.object.map(ContentMembers.init)
        case .string: text(json.string)
        case .number: text(json.text)
        case .bool: json.bool
        case .array, .null: nil
        }
    }

    private struct ContentMembers: MustacheParent, MustacheCustomRenderable {
        let object: JSONObject

        var renderText: String { "" }
        var isNull: Bool { false }

        func child(named name: String) -> Any? { object[name].flatMap(TemplateVariables.value) }
    }
}

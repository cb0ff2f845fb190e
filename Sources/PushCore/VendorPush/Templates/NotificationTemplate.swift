import Mustache

/// One text of a tenant, checked and parsed. It is plain text: nothing is escaped.
struct TemplateText: Sendable {
    /// Longest result, in bytes. No vendor takes more.
    static let renderedBytesMax = 4096

    /// What it names, by the first part of each name.
    let variables: Set<String>
    private let parsed: MustacheTemplate

    /// The engine escapes for HTML unless the template says otherwise.
    private static let plainText = "{{% CONTENT_TYPE:TEXT}}"

    init(_ source: String) throws(TemplateSyntax.Fault) {
        variables = try TemplateSyntax.variables(of: source)
        // The engine waits for the other half of a tag's beginning.
        guard source.last != "{" else { throw TemplateSyntax.Fault(detail: "A text cannot end in a brace.") }
        do {
            parsed = try MustacheTemplate(string: Self.plainText + source)
        } catch {
            throw TemplateSyntax.Fault(detail: "This is not a Mustache template.")
        }
    }

    /// The text for these values, or nil when nothing but white space came of it.
    func render(_ values: TemplateVariables) -> String? {
        let text = parsed.render(values)
        if text.allSatisfy(\.isWhitespace) { return nil }
        return text.shortened(bytesMax: Self.renderedBytesMax)
    }
}

/// What a tenant wants a notification to say in one language. What it leaves out stays built in.
struct NotificationTemplate: Sendable {
    var title: TemplateText?
    var body: TemplateText?

    var usesUnread: Bool {
        title?.variables.contains("unread") == true || body?.variables.contains("unread") == true
    }
}

extension String {
    /// The text within so many bytes of UTF-8, cut between characters with "…" behind it.
    func shortened(bytesMax: Int) -> String {
        guard utf8.count > bytesMax else { return self }
        let ellipsis = "…"
        var (end, count) = (startIndex, ellipsis.utf8.count)
        while end < endIndex {
            let next = index(after: end)
            count += utf8.distance(from: end, to: next)
            if count > bytesMax { break }
            end = next
        }
        return self[..<end] + ellipsis
    }
}

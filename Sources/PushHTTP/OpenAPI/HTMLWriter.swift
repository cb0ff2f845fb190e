/// Writes HTML. Whatever comes from outside goes through ``text(_:)``, ``prose(_:)`` or an attribute, which escape it.
struct HTMLWriter {
    private(set) var html = ""

    /// - Parameter name: a literal; it is not escaped.
    mutating func element(
        _ name: StaticString, _ attributes: KeyValuePairs<String, String> = [:], _ body: (inout HTMLWriter) -> Void
    ) {
        open(name, attributes)
        body(&self)
        html += "</\(name)>"
    }

    mutating func element(_ name: StaticString, _ attributes: KeyValuePairs<String, String> = [:], text: String) {
        element(name, attributes) { $0.text(text) }
    }

    /// An element that has no end tag.
    mutating func void(_ name: StaticString, _ attributes: KeyValuePairs<String, String>) { open(name, attributes) }

    mutating func text(_ text: String) { html += Self.escaped(text) }

    /// A few words with `` `code` `` and *emphasis* in them.
    mutating func words(_ text: some StringProtocol) {
        for (index, part) in text.split(separator: "`", omittingEmptySubsequences: false).enumerated() {
            if index % 2 == 1 {
                element("code", text: String(part))
            } else {
                for (index, part) in part.split(separator: "*", omittingEmptySubsequences: false).enumerated() {
                    if index % 2 == 1 { element("em", text: String(part)) } else { self.text(String(part)) }
                }
            }
        }
    }

    /// Paragraphs, with empty lines between them.
    mutating func prose(_ text: String) {
        for paragraph in text.split(separator: "\n\n") { element("p") { $0.words(paragraph) } }
    }

    /// For a style sheet of our own.
    mutating func raw(_ text: String) { html += text }

    private mutating func open(_ name: StaticString, _ attributes: KeyValuePairs<String, String>) {
        html += "<\(name)"
        for (key, value) in attributes { html += " \(key)=\"\(Self.escaped(value))\"" }
        html += ">"
    }

    static func escaped(_ text: String) -> String {
        var result = ""
        result.reserveCapacity(text.utf8.count + 16)
        for character in text.unicodeScalars {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}

/// What a `Content-Type` field says (RFC 9110, 8.3.1).
enum MediaTypes {
    /// JSON in UTF-8. An absent type passes.
    static func isJSON(_ field: String?) -> Bool {
        guard let field, field != "application/json" else { return true }
        return essence(of: field) == "application/json" && isUTF8(field)
    }

    /// A form (`application/x-www-form-urlencoded`).
    static func isForm(_ field: String?) -> Bool {
        field.map { essence(of: $0) == "application/x-www-form-urlencoded" && isUTF8($0) } ?? false
    }

    private static func essence(of field: String) -> String {
        trimmed(field.prefix { $0 != ";" }).lowercased()
    }

    private static func isUTF8(_ field: String) -> Bool {
        for parameter in field.split(separator: ";").dropFirst() {
            let parts = parameter.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, trimmed(parts[0]).lowercased() == "charset" else { continue }
            let charset = trimmed(parts[1]).replacing("\"", with: "").lowercased()
            if charset != "utf-8", charset != "utf8" { return false }
        }
        return true
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let start = text.drop { $0 == " " || $0 == "\t" }
        guard let last = start.lastIndex(where: { $0 != " " && $0 != "\t" }) else { return "" }
        return start[...last]
    }
}

/// Which Mustache a tenant may write: variables, sections and comments. What the engine knows beside them is refused,
/// since it reads other templates (partials, blocks), changes what counts as a tag (delimiters, content types), or
/// calls functions. What is left writes each variable at most as often as it stands in the template.
enum TemplateSyntax {
    /// Tags in one template.
    static let tagsMax = 50
    /// Sections within each other.
    static let depthMax = 8

    /// What a template can name. Below `content` everything goes, since apps define it.
    static let variables: Set<String> = [
        "sender", "member", "group", "app", "tenant", "text", "type", "id", "unread", "content",
    ]

    struct Fault: Error, Equatable {
        let detail: String
    }

    /// The variables that the template names, by the first part of their name.
    static func variables(of source: String) throws(Fault) -> Set<String> {
        var checker = Checker(rest: source[...])
        while let tag = try checker.nextTag() { try checker.check(tag) }
        if let open = checker.sections.last { throw Fault(detail: "The section \(open) has no end.") }
        return checker.named
    }

    private struct Checker {
        var rest: Substring
        var sections: [String] = []
        var named: Set<String> = []
        var tags = 0

        /// The inside of the next tag, without its delimiters.
        mutating func nextTag() throws(Fault) -> Substring? {
            guard let start = rest.firstRange(of: "{{") else { return nil }
            rest = rest[start.upperBound...]
            let isTriple = rest.first == "{"
            if isTriple { rest.removeFirst() }
            guard let end = rest.firstRange(of: isTriple ? "}}}" : "}}") else {
                throw Fault(detail: "A tag has no end.")
            }
            let inside = rest[..<end.lowerBound]
            rest = rest[end.upperBound...]
            tags += 1
            guard tags <= tagsMax else { throw Fault(detail: "There may be at most \(tagsMax) tags.") }
            guard isTriple else { return inside }
            // Three braces stand for "&": nothing else may follow them.
            if let sigil = inside.first, "#^/&!><$=%".contains(sigil) {
                throw Fault(detail: "{{{\(inside)}}} is no tag.")
            }
            return inside
        }

        mutating func check(_ tag: Substring) throws(Fault) {
            guard let sigil = tag.first else { throw Fault(detail: "A tag is empty.") }
            switch sigil {
            case "!": return
            case "#", "^":
                let name = try name(tag.dropFirst())
                sections.append(name)
                guard sections.count <= depthMax else {
                    throw Fault(detail: "There may be at most \(depthMax) sections within each other.")
                }
            case "/":
                let name = Self.trimmed(tag.dropFirst())
                guard sections.popLast() == name else { throw Fault(detail: "The section \(name) does not begin.") }
            case "&": _ = try name(tag.dropFirst())
            case ">", "<", "$", "=", "%": throw Fault(detail: "Tags that begin with \(sigil) cannot be used.")
            default: _ = try name(tag)
            }
        }

        private mutating func name(_ text: Substring) throws(Fault) -> String {
            let name = Self.trimmed(text)
            if name == "." {
                guard !sections.isEmpty else { throw Fault(detail: "{{.}} has a meaning within a section only.") }
                return name
            }
            let parts = name.split(separator: ".", omittingEmptySubsequences: false)
            let isName = parts.allSatisfy { part in !part.isEmpty && part.utf8.allSatisfy(Self.isNameByte) }
            guard isName, let first = parts.first else { throw Fault(detail: "\(name.prefix(64)) is not a name.") }
            let isInContent = sections.contains { $0 == "content" || $0.hasPrefix("content.") }
            guard isInContent || variables.contains(String(first)) else {
                throw Fault(detail: "There is no variable \(first.prefix(64)).")
            }
            named.insert(String(first))
            return name
        }

        private static func trimmed(_ text: Substring) -> String {
            String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
        }

        private static func isNameByte(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }
}

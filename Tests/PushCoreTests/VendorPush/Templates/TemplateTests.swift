import PushTestSupport
import Testing

@testable import PushCore

/// What a tenant may write, and what comes of it.
@Suite struct TemplateTests {
    private func values(
        type: MessageType = .text, content: String = #"{"text":"hi"}"#, unread: Int? = nil,
        names: SenderNames = SenderNames()
    ) throws -> TemplateVariables {
        var subject = PushSubject(
            message: try .sample(form: names.group == nil ? .single : .group, type: type, content: .json(content)),
            device: .sample(), tenant: .sample, token: nil, isAcknowledged: false, senderName: names.shown,
            unreadTotal: unread)
        subject.names = names
        return TemplateVariables(subject: subject, words: .english)
    }

    private func render(_ source: String, _ values: TemplateVariables) throws -> String? {
        try TemplateText(source).render(values)
    }

    @Test(arguments: [
        ("{{sender}}: {{text}}", "Team: hi"),
        ("{{member}} in {{group}} by {{app}} of {{tenant}}", "ann in Team by Shop of Acme"),
        ("{{type}} {{id}}", "TEXT m-1"), ("{{unread}} new", "3 new"), ("{{{text}}}{{&text}}", "hihi"),
        ("{{#unread}}{{unread}} new{{/unread}}{{^unread}}none{{/unread}}", "3 new"),
        ("{{ sender }}{{! a comment }}", "Team"), ("{{#content}}{{text}}/{{sender}}{{/content}}", "hi/Team"),
        ("{{#text}}<{{.}}>{{/text}}", "<hi>"), ("no tags } }} { x", "no tags } }} { x"),
    ])
    func `variables and sections`(source: String, expected: String) throws {
        let names = SenderNames(group: "Team", user: "ann", app: "Shop")
        #expect(try render(source, values(unread: 3, names: names)) == expected)
    }

    @Test func `members of the content, as they were written`() throws {
        let content = """
            {"fileName":"a&b <c>.pdf","duration":1.50,"big":123456789012345678901,"deep":{"er":{"x":"y"}},"yes":true,
            "no":false,"none":null,"empty":"","list":[1,2,3]}
            """
        let values = try values(type: .file, content: content)
        #expect(try render("{{content.fileName}}", values) == "a&b <c>.pdf", "plain text: nothing is escaped")
        #expect(try render("{{content.duration}} {{content.big}}", values) == "1.50 123456789012345678901")
        #expect(try render("{{content.deep.er.x}}{{#content.deep}}{{er.x}}{{/content.deep}}", values) == "yy")
        #expect(try render("{{#content.yes}}a{{/content.yes}}{{#content.no}}b{{/content.no}}", values) == "a")
        #expect(try render("{{^content.none}}a{{/content.none}}{{^content.empty}}b{{/content.empty}}", values) == "ab")
        #expect(try render("x{{content.list}}{{#content.list}}{{.}}{{/content.list}}", values) == "x")
        #expect(try render("{{text}}", values) == "[File]")
        // Nothing of the gateway's own shows.
        #expect(
            try render("x{{content}}{{content.deep}}{{content.none.a.b}}{{^unread}}{{.}}{{/unread}}", values) == "x")
    }

    @Test(arguments: [
        "{{> other}}", "{{>*text}}", "{{< layout}}{{$a}}x{{/a}}{{/ layout}}", "{{$block}}x{{/block}}", "{{=<% %>=}}",
        "{{%CONTENT_TYPE:HTML}}", "{{uppercased(text)}}", "{{plusone(unread)}}", "{{reversed(text)}}", "{{.}}", "{{}}",
        "{{ }}", "{{text", "{{{text}}", "{{#text}}", "{{/text}}", "{{#text}}{{/sender}}",
        "{{#text}}{{#sender}}{{/text}}{{/sender}}",
        "{{sendr}}", "ends in {", "{{.text}}", "{{text.}}", "{{a b}}", "{{{> other}}}", "{{{{text}}}}",
        "{{content..x}}",
        "{{*text}}",
        "{{#content}}{{/content}}{{other}}",
    ])
    func `what could read, loop or compute is refused`(source: String) {
        #expect(throws: TemplateSyntax.Fault.self) { try TemplateText(source) }
    }

    @Test func `a template is small`() throws {
        #expect(throws: Never.self) { try TemplateText(String(repeating: "{{text}}", count: 50)) }
        #expect(throws: TemplateSyntax.Fault.self) { try TemplateText(String(repeating: "{{text}}", count: 51)) }
        func nested(_ depth: Int) -> String {
            String(repeating: "{{#text}}", count: depth) + "x" + String(repeating: "{{/text}}", count: depth)
        }
        #expect(try render(nested(8), values()) == "x")
        #expect(throws: TemplateSyntax.Fault.self) { try TemplateText(nested(9)) }
    }

    @Test func `what comes of it is bounded, and cut between characters`() throws {
        let long = String(repeating: "👩‍👩‍👧‍👦", count: 1200)
        let made = try #require(
            try render(String(repeating: "{{text}}", count: 50), values(content: #"{"text":"\#(long)"}"#)))
        #expect(made.utf8.count <= 4096 && made.utf8.count > 4096 - 25)
        #expect(made.hasSuffix("…") && made.dropLast().allSatisfy { $0 == "👩‍👩‍👧‍👦" || $0 == "…" })
        // One character that is itself too long.
        let tall = "e" + String(repeating: "\u{301}", count: 5000)
        #expect(try render("{{text}}", values(content: #"{"text":"\#(tall)"}"#)) == "…")
    }

    @Test func `whatever is written is refused or rendered`() throws {
        var generator = SystemRandomNumberGenerator()
        let pieces = [
            "{", "}", "{{", "}}", "{{{", "}}}", "text", "content", "#", "^", "/", "!", "&", ">", "<", "$", "=", "%",
            ".",
            " ", "\n", "\r\n", "\t", "{{text}}", "{{#text}}", "{{/text}}", "{{^unread}}", "{{/unread}}", "{{! x\n}}",
            "(", ")", "*", "é", "👩‍👩‍👧‍👦", "\u{301}", "\u{0}",
        ]
        let values = try values()
        var rendered = 0
        for _ in 0..<3000 {
            let count = Int.random(in: 0..<8, using: &generator)
            let source = (0..<count).map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
            guard let template = try? TemplateText(source) else { continue }
            rendered += 1
            let text = template.render(values) ?? ""
            #expect(text.utf8.count <= 4096 && !text.contains("TemplateVariables"), "\(source.debugDescription)")
        }
        #expect(rendered > 100)
    }

    @Test func `values are not templates`() throws {
        let values = try values(content: #"{"text":"{{sender}} {{#x}}"}"#)
        #expect(try render("{{text}}", values) == "{{sender}} {{#x}}")
    }

    @Test func `white space alone is no text`() throws {
        #expect(try render(" {{content.none}}\n", values()) == nil)
    }

    // MARK: What is set

    private func faults(_ body: String) throws -> [String] {
        let json: RawJSON = try .json(body)
        do throws(GatewayError) {
            _ = try NotificationTemplates.Languages(checking: json)
            return []
        } catch {
            #expect(error.code == .invalidRequest)
            return error.errors.map(\.pointer)
        }
    }

    @Test func `each fault has its pointer`() throws {
        #expect(try faults(#"{"zh":{"title":"{{sender}}","body":"{{text}}"},"pt-BR":{"body":"x"}}"#) == [])
        #expect(try faults("[]") == [""])
        #expect(try faults("{}") == [""])
        #expect(
            try faults(
                #"""
                {"zh":{"title":"{{#a}}","body":7,"subtitle":"x"},"e":{"body":"x"},"en":{},"fr":"x","ZH":{"body":"x"},
                "a/b~c":{"body":"x"},"de":{"title":"","body":"x"},"it":{"body":"x","body":"y"}}
                """#)
                == [
                    "/zh/title", "/zh/body", "/zh/subtitle", "/e", "/en", "/fr", "/ZH", "/a~1b~0c", "/de/title",
                    "/it/body",
                ])
        let (title, body) = (String(repeating: "界", count: 171), String(repeating: "x", count: 2049))
        #expect(
            try faults(#"{"en":{"title":"\#(title)","body":"\#(body)"}}"#) == ["/en/title", "/en/body"])
        let many = (0..<51).map {
            #""a\#(UnicodeScalar(97 + UInt8($0 / 26)))\#(UnicodeScalar(97 + UInt8($0 % 26)))":{"body":"x"}"#
        }
        #expect(try faults("{" + many.joined(separator: ",") + "}") == [""])
        #expect(try faults("{" + many.prefix(50).joined(separator: ",") + "}") == [])
    }
}

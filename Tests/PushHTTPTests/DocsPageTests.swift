import Crypto
import Foundation
import Testing

@testable import PushHTTP

/// The page for readers: complete, and harmless in a browser.
@Suite struct DocsPageTests {
    @Test func `every operation and schema is shown`() async throws {
        let document = try OpenAPIDocument(yaml: PackageResources.openapi_yaml)
        let page = try await served().text
        for operation in document.operations {
            #expect(page.contains("<article id=\"\(operation.id)\">"))
            #expect(page.contains("<a href=\"#\(operation.id)\">"))
        }
        for (name, _) in document.root["components"]?["schemas"]?.members ?? [] {
            #expect(page.contains("id=\"schema-\(name)\""))
        }
        // Every link within the page leads somewhere.
        for match in page.matches(of: /href="#([^"]+)"/) { #expect(page.contains("id=\"\(match.1)\""), "\(match.1)") }
    }

    @Test func `the page may use its own style and nothing else`() async throws {
        let reply = try await served()
        #expect(reply.field("Content-Type") == "text/html; charset=utf-8")
        #expect(reply.field("X-Content-Type-Options") == "nosniff")
        let styles = reply.text.matches(of: /<style>((?s:.*?))<\/style>/)
        #expect(styles.count == 1)
        let hash = Data(SHA256.hash(data: Data((styles.first?.1 ?? "").utf8))).base64EncodedString()
        let policy = try #require(reply.field("Content-Security-Policy"))
        #expect(policy.contains("default-src 'none'; style-src 'sha256-\(hash)'"))
        for forbidden in ["<script", "<link", "<img", "<iframe", " style=", " src=", "javascript:", "@import", "url("] {
            #expect(!reply.text.contains(forbidden), "\(forbidden)")
        }
    }

    private func served() async throws -> Reply {
        let fixture = try await Fixture()
        return try await fixture.withClient { call in
            let reply = try await call(.get, "/docs")
            #expect(reply.status == 200)
            return reply
        }
    }

    @Test func `whatever is shown is escaped`() throws {
        let yaml = """
            info: {title: "<b>", description: "a & `</code><script>` *<i>*"}
            tags: [{name: "\\"x'"}]
            paths:
              /a:
                get:
                  operationId: "\\"><script>"
                  tags: ["\\"x'"]
                  summary: <script>
                  requestBody: {content: {a/b: {schema: {type: object}, example: {"</pre>": "</pre>"}}}}
                  responses: {"200": {description: <script>}}
            """
        let page = DocsPage(of: try OpenAPIDocument(yaml: Array(yaml.utf8)), style: []).html
        #expect(!page.contains("<script"))
        #expect(!page.contains("<b>"))
        #expect(!page.contains("<i>"))
        #expect(page.components(separatedBy: "</pre>").count == 2)
        #expect(page.contains("<code>&lt;/code&gt;&lt;script&gt;</code>"))
        #expect(page.contains("id=\"&quot;&gt;&lt;script&gt;\""))
    }

    @Test func `examples are written as JSON`() throws {
        let yaml = "{a: 1, b: \"1\", c: true, d: null, e: \"q\\\"\", f: [x, 2.5]}"
        let node = try OpenAPIDocument(yaml: Array(yaml.utf8)).root
        #expect(ExampleText.json(of: node) == #"{"a": 1, "b": "1", "c": true, "d": null, "e": "q\"", "f": ["x", 2.5]}"#)
    }

    @Test func `what is no document is refused`() {
        #expect(throws: (any Error).self) { try OpenAPIDocument(yaml: Array("- a".utf8)) }
        #expect(throws: (any Error).self) { try OpenAPIDocument(yaml: Array("a: [".utf8)) }
    }

    @Test func `a ring of references ends`() throws {
        let document = try OpenAPIDocument(yaml: Array(##"{a: {$ref: "#/b"}, b: {$ref: "#/a"}}"##.utf8))
        #expect(try document.resolved(#require(document.root["a"])) == nil)
    }
}

import Crypto
import PushCredentials
import Yams

/// The document as one HTML page: no script, no request to anywhere.
struct DocsPage: Sendable {
    let html: String
    /// Allows this page's own style sheet and nothing else.
    let contentSecurityPolicy: String

    init(of document: OpenAPIDocument, style: [UInt8]) {
        html = Self.page(of: document, style: String(decoding: style, as: UTF8.self))
        let digest = Base64URL.encode(Array(SHA256.hash(data: style)))
        // The policy takes base64 with the standard alphabet and its padding.
        let hash = digest.replacing("-", with: "+").replacing("_", with: "/") + "="
        contentSecurityPolicy =
            "default-src 'none'; style-src 'sha256-\(hash)'; base-uri 'none'; form-action 'none'; "
            + "frame-ancestors 'none'"
    }

    private static func page(of document: OpenAPIDocument, style: String) -> String {
        let info = document.root["info"]
        let title = info?["title"]?.string ?? "API"
        var html = HTMLWriter()
        html.raw("<!DOCTYPE html>\n")
        html.element("html", ["lang": "en"]) { html in
            html.element("head") { html in
                html.void("meta", ["charset": "utf-8"])
                html.void("meta", ["name": "viewport", "content": "width=device-width, initial-scale=1"])
                html.void("meta", ["name": "color-scheme", "content": "light dark"])
                html.element("title", text: "\(title) API")
                html.element("style") { $0.raw(style) }
            }
            html.element("body") { html in
                html.element("nav", ["aria-label": "Operations"]) { writeNavigation(of: document, into: &$0) }
                html.element("main") { html in
                    html.element("header") { html in
                        html.element("h1", text: "\(title) API")
                        html.element("p", ["class": "summary"], text: info?["summary"]?.string ?? "")
                        html.prose(info?["description"]?.string ?? "")
                        html.element("p") { html in
                            html.text("The same for programs: ")
                            html.element("a", ["href": "openapi.yaml"], text: "openapi.yaml")
                            html.text(" (OpenAPI 3.1).")
                        }
                    }
                    writeCredentials(of: document, into: &html)
                    writeOperations(of: document, into: &html)
                    writeSchemas(of: document, into: &html)
                }
            }
        }
        return html.html
    }

    private static func tags(of document: OpenAPIDocument) -> [(name: String, node: Node)] {
        document.root["tags"]?.elements.compactMap { tag in tag["name"]?.string.map { ($0, tag) } } ?? []
    }

    private static func operations(
        of document: OpenAPIDocument, tagged tag: String
    ) -> [OpenAPIDocument.Operation] {
        document.operations.filter { $0.tags.contains(tag) }
    }

    private static func writeNavigation(of document: OpenAPIDocument, into html: inout HTMLWriter) {
        html.element("a", ["class": "top", "href": "#credentials"], text: "Credentials")
        for (tag, _) in tags(of: document) {
            html.element("a", ["class": "top", "href": "#tag-\(tag)"], text: tag)
            html.element("ul") { html in
                for operation in operations(of: document, tagged: tag) {
                    html.element("li") { html in
                        html.element("a", ["href": "#\(operation.id)"]) { html in
                            html.element(
                                "span", ["class": "method \(operation.method.lowercased())"], text: operation.method)
                            html.text(operation.node["summary"]?.string ?? operation.id)
                        }
                    }
                }
            }
        }
        html.element("a", ["class": "top", "href": "#schemas"], text: "Schemas")
    }

    private static func writeCredentials(of document: OpenAPIDocument, into html: inout HTMLWriter) {
        html.element("section", ["id": "credentials"]) { html in
            html.element("h2", text: "Credentials")
            html.element("table", ["class": "members"]) { html in
                for (name, scheme) in document.root["components"]?["securitySchemes"]?.members ?? [] {
                    html.element("tr", ["id": "security-\(name)"]) { html in
                        html.element("th", ["scope": "row"]) { $0.element("code", text: name) }
                        html.element("td") { html in
                            html.element("div", ["class": "type"], text: kind(of: scheme))
                            html.prose(scheme["description"]?.string ?? "")
                            writeScopes(of: scheme, into: &html)
                        }
                    }
                }
            }
        }
    }

    private static func kind(of scheme: Node) -> String {
        switch scheme["type"]?.string {
        case "http": "Authorization: \(scheme["scheme"]?.string?.capitalized ?? "")"
        case "apiKey": "\(scheme["name"]?.string ?? ""), a header field"
        default: "Authorization: Bearer, OAuth 2.0"
        }
    }

    private static func writeScopes(of scheme: Node, into html: inout HTMLWriter) {
        let scopes = scheme["flows"]?["clientCredentials"]?["scopes"]?.members ?? []
        guard !scopes.isEmpty else { return }
        html.element("table", ["class": "members"]) { html in
            for (scope, text) in scopes {
                html.element("tr") { html in
                    html.element("th", ["scope": "row"]) { $0.element("code", text: scope) }
                    html.element("td") { $0.words(text.string ?? "") }
                }
            }
        }
    }

    private static func writeOperations(of document: OpenAPIDocument, into html: inout HTMLWriter) {
        let section = OperationSection(document: document)
        for (tag, node) in tags(of: document) {
            html.element("section", ["id": "tag-\(tag)"]) { html in
                html.element("h2", text: tag)
                html.prose(node["description"]?.string ?? "")
                for operation in operations(of: document, tagged: tag) { section.write(operation, into: &html) }
            }
        }
    }

    private static func writeSchemas(of document: OpenAPIDocument, into html: inout HTMLWriter) {
        let table = SchemaTable(document: document)
        html.element("section", ["id": "schemas"]) { html in
            html.element("h2", text: "Schemas")
            for (name, schema) in document.root["components"]?["schemas"]?.members ?? [] {
                html.element("article", ["id": "schema-\(name)", "class": "schema"]) { html in
                    html.element("h3", text: name)
                    table.writeDetails(of: schema, into: &html)
                    table.write(schema, into: &html)
                }
            }
        }
    }
}

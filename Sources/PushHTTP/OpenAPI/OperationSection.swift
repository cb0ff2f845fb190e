import Yams

/// Shows one operation: who may call, parameters, body, answers.
struct OperationSection {
    let document: OpenAPIDocument
    private var schemas: SchemaTable { SchemaTable(document: document) }

    init(document: OpenAPIDocument) { self.document = document }

    func write(_ operation: OpenAPIDocument.Operation, into html: inout HTMLWriter) {
        html.element("article", ["id": operation.id]) { html in
            html.element("h3", text: operation.node["summary"]?.string ?? operation.id)
            html.element("div", ["class": "line"]) { html in
                html.element("span", ["class": "method \(operation.method.lowercased())"], text: operation.method)
                html.element("code", ["class": "path"], text: operation.path)
            }
            writeCallers(of: operation, into: &html)
            if let text = operation.node["description"]?.string { html.prose(text) }
            writeParameters(of: operation, into: &html)
            writeBody(of: operation, into: &html)
            writeAnswers(of: operation, into: &html)
        }
    }

    // MARK: Callers

    private func writeCallers(of operation: OpenAPIDocument.Operation, into html: inout HTMLWriter) {
        html.element("div", ["class": "callers"]) { html in
            html.element("span", ["class": "label"], text: "Who")
            let ways = operation.node["security"]?.elements ?? []
            if ways.isEmpty { html.element("span", ["class": "caller"], text: "anyone") }
            for way in ways {
                html.element("span", ["class": "caller"]) { html in
                    if way.members.isEmpty { html.text("without credential") }
                    for (index, (name, scopes)) in way.members.enumerated() {
                        if index > 0 { html.text(" with ") }
                        html.element("a", ["href": "#security-\(name)"], text: name)
                        for scope in scopes.texts {
                            html.text(" ")
                            html.element("code", text: scope)
                        }
                    }
                }
            }
        }
    }

    // MARK: Parameters

    private func writeParameters(of operation: OpenAPIDocument.Operation, into html: inout HTMLWriter) {
        let parameters = operation.parameters.compactMap { document.resolved($0) }
        guard !parameters.isEmpty else { return }
        html.element("h4", text: "Parameters")
        html.element("table", ["class": "members"]) { html in
            for parameter in parameters { writeParameter(parameter, into: &html) }
        }
    }

    private func writeParameter(_ parameter: Node, into html: inout HTMLWriter) {
        html.element("tr") { html in
            html.element("th", ["scope": "row"]) { html in
                html.element("code", text: parameter["name"]?.string ?? "")
                html.element("span", ["class": "place"], text: parameter["in"]?.string ?? "")
                if parameter["required"]?.bool == true, parameter["in"]?.string != "path" {
                    html.element("span", ["class": "required"], text: "required")
                }
            }
            html.element("td") { html in
                if let schema = parameter["schema"] { schemas.writeDetails(of: schema, into: &html) }
                if let text = parameter["description"]?.string { html.prose(text) }
            }
        }
    }

    // MARK: Body

    private func writeBody(of operation: OpenAPIDocument.Operation, into html: inout HTMLWriter) {
        guard let body = operation.node["requestBody"].flatMap({ document.resolved($0) }) else { return }
        html.element("h4", text: body["required"]?.bool == true ? "Body" : "Body, optional")
        let contents = body["content"]?.members ?? []
        html.element("p", ["class": "media"]) { html in
            html.text(contents.map(\.name).joined(separator: " or "))
            if let schema = contents.first?.value["schema"], OpenAPIDocument.name(of: schema) != nil {
                html.text(": ")
                schemas.writeType(of: schema, into: &html)
            }
        }
        if let schema = contents.first?.value["schema"].flatMap({ document.resolved($0) }) {
            schemas.write(schema, into: &html)
        }
        for content in contents { writeExamples(of: content.value, into: &html) }
    }

    private func writeExamples(of content: Node, into html: inout HTMLWriter) {
        if let example = content["example"] { html.element("pre", text: ExampleText.json(of: example)) }
        for (name, example) in content["examples"]?.members ?? [] {
            guard let value = example["value"] else { continue }
            html.element("p", ["class": "media"], text: example["summary"]?.string ?? name)
            html.element("pre", text: ExampleText.json(of: value))
        }
    }

    // MARK: Answers

    private func writeAnswers(of operation: OpenAPIDocument.Operation, into html: inout HTMLWriter) {
        html.element("h4", text: "Answers")
        html.element("table", ["class": "answers"]) { html in
            var shown: Set<String> = []
            for (status, node) in operation.node["responses"]?.members ?? [] {
                guard let answer = document.resolved(node) else { continue }
                html.element("tr") { html in
                    html.element("th", ["scope": "row", "class": "status s\(status.prefix(1))"], text: status)
                    html.element("td") { html in
                        html.prose(answer["description"]?.string ?? "")
                        guard status.hasPrefix("2"), let content = answer["content"]?.members.first else { return }
                        writeAnswer(content.value, type: content.name, shown: &shown, into: &html)
                    }
                }
            }
        }
    }

    /// - Parameter shown: schemas whose members this operation has shown already.
    private func writeAnswer(
        _ content: Node, type: String, shown: inout Set<String>, into html: inout HTMLWriter
    ) {
        guard let schema = content["schema"] else { return }
        let name = OpenAPIDocument.name(of: schema)
        html.element("p", ["class": "media"]) { html in
            html.text(type)
            if name != nil {
                html.text(": ")
                schemas.writeType(of: schema, into: &html)
            }
        }
        if let name, !shown.insert(name).inserted { return }
        if let schema = document.resolved(schema) {
            SchemaTable(document: document, marksOptional: true).write(schema, into: &html)
        }
    }
}

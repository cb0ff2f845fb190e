import Yams

/// Shows schemas: a line for a type, a table for the members of an object.
struct SchemaTable {
    let document: OpenAPIDocument
    /// Whether the objects are answers: nearly all their members are always there, so the others are marked.
    var marksOptional = false

    private struct Member {
        let name: String
        let schema: Node
        let isRequired: Bool
    }

    // MARK: Members

    /// A table of the members of `schema`, if it has any; those of objects inside it have dotted names.
    func write(_ schema: Node, into html: inout HTMLWriter) {
        let members = members(of: schema, prefix: "", depth: 0)
        guard !members.isEmpty else { return }
        html.element("table", ["class": "members"]) { html in
            for member in members {
                html.element("tr") { html in
                    html.element("th", ["scope": "row"]) { html in
                        html.element("code", text: member.name)
                        if marksOptional {
                            if !member.isRequired { html.element("span", ["class": "place"], text: "optional") }
                        } else if member.isRequired {
                            html.element("span", ["class": "required"], text: "required")
                        }
                    }
                    html.element("td") { writeDetails(of: member.schema, into: &$0) }
                }
            }
        }
    }

    /// A type, its bounds, and what the document says about it.
    func writeDetails(of schema: Node, into html: inout HTMLWriter) {
        html.element("div", ["class": "type"]) { html in
            writeType(of: schema, into: &html)
            for bound in bounds(of: schema) { html.element("span", ["class": "bound"]) { $0.words(bound) } }
        }
        if let text = explanation(of: schema) { html.element("div") { $0.prose(text) } }
    }

    /// What is said about this use of a schema, or else about the values that it refers to. What is said about an object
    /// stands where its members are.
    private func explanation(of schema: Node) -> String? {
        if let text = schema["description"]?.string { return text }
        guard let target = document.resolved(schema), target["properties"] == nil, target["allOf"] == nil else {
            return nil
        }
        return target["description"]?.string
    }

    private func members(of schema: Node, prefix: String, depth: Int) -> [Member] {
        guard depth < 4 else { return [] }
        var found: [Member] = []
        for part in schema["allOf"]?.elements ?? [] {
            guard let part = document.resolved(part) else { continue }
            for member in members(of: part, prefix: prefix, depth: depth + 1) {
                // What a later part says about a member completes the earlier one.
                found.removeAll { $0.name == member.name }
                found.append(member)
            }
        }
        let required = Set(schema["required"]?.texts ?? [])
        for (name, value) in schema["properties"]?.members ?? [] {
            found.append(Member(name: prefix + name, schema: value, isRequired: required.contains(name)))
            guard value["$ref"] == nil else { continue }
            found += members(of: value, prefix: prefix + name + ".", depth: depth + 1)
            if let items = value["items"], items["$ref"] == nil {
                found += members(of: items, prefix: prefix + name + "[].", depth: depth + 1)
            }
        }
        return found
    }

    // MARK: Types

    func writeType(of schema: Node, into html: inout HTMLWriter) {
        if let name = OpenAPIDocument.name(of: schema) {
            html.element("a", ["href": "#schema-\(name)"], text: name)
        } else if let choices = (schema["anyOf"] ?? schema["oneOf"])?.elements, choices.first?["required"] == nil {
            for (index, choice) in choices.enumerated() {
                if index > 0 { html.text(" or ") }
                writeType(of: choice, into: &html)
            }
        } else if let constant = schema["const"]?.string {
            html.element("code", text: constant.isEmpty ? "\"\"" : constant)
        } else if let items = schema["items"] {
            html.text("list of ")
            writeType(of: items, into: &html)
        } else {
            html.text(Self.plainType(of: schema))
        }
    }

    private static func plainType(of schema: Node) -> String {
        guard let type = schema["type"] else {
            if schema["enum"] != nil { return "one of" }
            return schema["properties"] == nil && schema["allOf"] == nil ? "any" : "object"
        }
        return (type.string.map { [$0] } ?? type.texts).joined(separator: " or ")
    }

    /// What a value must fulfil, in words.
    private func bounds(of schema: Node) -> [String] {
        var bounds: [String] = []
        if let values = schema["enum"]?.texts { bounds.append(values.map { "`\($0)`" }.joined(separator: " ")) }
        if let format = schema["format"]?.string, format != "int64" { bounds.append(format) }
        bounds += Self.range(schema, "minimum", "maximum", unit: "")
        bounds += Self.range(schema, "minLength", "maxLength", unit: " bytes")
        bounds += Self.range(schema, "minItems", "maxItems", unit: " items")
        bounds += Self.range(schema, "minProperties", "maxProperties", unit: " members")
        if let pattern = schema["pattern"]?.string { bounds.append("`\(pattern)`") }
        if let values = schema["not"]?["enum"]?.texts {
            bounds.append("not " + values.map { "`\($0)`" }.joined(separator: " "))
        }
        if let value = schema["default"]?.string { bounds.append("default `\(value)`") }
        return bounds
    }

    private static func range(_ schema: Node, _ low: String, _ high: String, unit: String) -> [String] {
        switch (schema[low]?.string, schema[high]?.string) {
        case (let low?, let high?) where low == high: ["\(low)\(unit)"]
        case (let low?, let high?): ["\(low) to \(high)\(unit)"]
        case (let low?, nil): ["at least \(low)\(unit)"]
        case (nil, let high?): ["at most \(high)\(unit)"]
        case (nil, nil): []
        }
    }
}

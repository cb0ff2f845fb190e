import PushCore
import Yams

/// The parts of an OpenAPI document that a page shows, with references looked up.
struct OpenAPIDocument {
    struct Operation {
        let method: String
        let path: String
        /// The operation object.
        let node: Node
        /// Those of the path first.
        let parameters: [Node]

        var id: String { node["operationId"]?.string ?? "\(method)-\(path)" }
        var tags: [String] { node["tags"]?.texts ?? [] }
    }

    let root: Node
    let operations: [Operation]

    /// Throws `internal_error` when the text is no YAML, or no mapping.
    init(yaml: [UInt8]) throws {
        guard let root = try Yams.compose(yaml: String(decoding: yaml, as: UTF8.self)), root.mapping != nil else {
            throw GatewayError(.internalError, "The document of the API cannot be read.")
        }
        self.root = root
        operations = (root["paths"]?.members ?? []).flatMap { path, item in Self.operations(at: path, item) }
    }

    private static let methods: Set<String> = ["get", "put", "post", "delete", "patch", "head", "options", "trace"]

    private static func operations(at path: String, _ item: Node) -> [Operation] {
        let shared = item["parameters"]?.elements ?? []
        return item.members.filter { methods.contains($0.name) }.map { method, node in
            Operation(
                method: method.uppercased(), path: path, node: node,
                parameters: shared + (node["parameters"]?.elements ?? []))
        }
    }

    /// `node` itself, or what its `$ref` points at within this document; nil when there is nothing.
    func resolved(_ node: Node) -> Node? {
        var node = node
        // A chain of references; a ring of them ends here, too.
        for _ in 0..<8 {
            guard let reference = node["$ref"]?.string else { return node }
            guard let target = target(of: reference) else { return nil }
            node = target
        }
        return nil
    }

    private func target(of reference: String) -> Node? {
        guard reference.hasPrefix("#/") else { return nil }
        var node: Node? = root
        for key in reference.dropFirst(2).split(separator: "/") {
            node = node?[String(key).replacing("~1", with: "/").replacing("~0", with: "~")]
        }
        return node
    }

    /// The last part of a `$ref`: the name of a component.
    static func name(of node: Node) -> String? {
        node["$ref"]?.string.flatMap { $0.split(separator: "/").last.map(String.init) }
    }
}

extension Node {
    /// The pairs of a mapping, in their order; none for anything else.
    var members: [(name: String, value: Node)] {
        mapping?.compactMap { key, value in key.string.map { ($0, value) } } ?? []
    }

    /// The elements of a sequence; none for anything else.
    var elements: [Node] { sequence.map { Array($0) } ?? [] }

    var texts: [String] { elements.compactMap(\.string) }
}

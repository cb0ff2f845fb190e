import PushCore
import Yams

/// Examples of the document as the JSON that goes over the wire.
enum ExampleText {
    /// Indented by two spaces; what is short stands in one line.
    static func json(of node: Node) -> String { text(of: node, indent: 0) }

    private static let lineMax = 90

    private static func text(of node: Node, indent: Int) -> String {
        let line = lineText(of: node)
        guard line.count + indent > lineMax else { return line }
        let inner = String(repeating: " ", count: indent + 2)
        let outer = String(repeating: " ", count: indent)
        if node.mapping != nil {
            let members = node.members.map { inner + quoted($0.name) + ": " + text(of: $0.value, indent: indent + 2) }
            return "{\n" + members.joined(separator: ",\n") + "\n" + outer + "}"
        }
        if node.sequence != nil {
            let elements = node.elements.map { inner + text(of: $0, indent: indent + 2) }
            return "[\n" + elements.joined(separator: ",\n") + "\n" + outer + "]"
        }
        return line
    }

    private static func lineText(of node: Node) -> String {
        if node.mapping != nil {
            return "{" + node.members.map { quoted($0.name) + ": " + lineText(of: $0.value) }.joined(separator: ", ")
                + "}"
        }
        if node.sequence != nil { return "[" + node.elements.map(lineText).joined(separator: ", ") + "]" }
        let text = node.string ?? ""
        return node.scalar?.style == .plain && isBare(node) ? text : quoted(text)
    }

    /// What YAML takes for a number, a truth value or null where it is not quoted.
    private static func isBare(_ node: Node) -> Bool {
        node.int != nil || node.float != nil || ["true", "false", "null"].contains(node.string ?? "")
    }

    private static func quoted(_ text: String) -> String {
        var writer = JSONWriter()
        writer.string(text)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

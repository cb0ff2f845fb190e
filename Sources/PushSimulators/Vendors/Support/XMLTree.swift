/// Why a text is not well-formed XML, with the offset in characters at which reading stopped.
struct XMLSyntaxError: Error, Equatable {
    let offset: Int
    let reason: String
}

/// An element of a well-formed XML document. The reader is strict and knows what notifications need: elements,
/// attributes, text, comments, CDATA and the five named entities; no document type, at most 64 levels.
struct XMLTree: Equatable {
    let name: String
    var attributes: [String: String] = [:]
    var children: [XMLTree] = []
    /// The text right below this element, in one piece.
    var text = ""

    /// The first element below this one, at any depth, that has the name; itself included.
    func first(_ name: String) -> XMLTree? {
        if self.name == name { return self }
        for child in children {
            if let found = child.first(name) { return found }
        }
        return nil
    }

    /// The elements of that name right below this one.
    func all(_ name: String) -> [XMLTree] { children.filter { $0.name == name } }

    /// - Throws: ``XMLSyntaxError`` when the text is not exactly one document.
    static func parse(_ text: String) throws(XMLSyntaxError) -> XMLTree {
        var parser = XMLParser(text)
        return try parser.document()
    }
}

private struct XMLParser {
    private static let mostLevels = 64
    private static let entities: [String: Unicode.Scalar] = [
        "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'",
    ]
    private let scalars: [Unicode.Scalar]
    private var index = 0

    init(_ text: String) { scalars = Array(text.unicodeScalars) }

    private func error(_ reason: String) -> XMLSyntaxError { XMLSyntaxError(offset: index, reason: reason) }

    mutating func document() throws(XMLSyntaxError) -> XMLTree {
        _ = take("\u{FEFF}")
        if follows("<?xml") {
            index += 5
            try skip(past: "?>")
        }
        try skipMisc()
        guard follows("<") else { throw error("the root element is missing") }
        let root = try element(level: 0)
        try skipMisc()
        guard index == scalars.count else { throw error("something follows the root element") }
        return root
    }

    // MARK: Reading

    private func follows(_ text: String) -> Bool {
        var position = index
        for scalar in text.unicodeScalars {
            guard position < scalars.count, scalars[position] == scalar else { return false }
            position += 1
        }
        return true
    }

    private mutating func take(_ text: String) -> Bool {
        guard follows(text) else { return false }
        index += text.unicodeScalars.count
        return true
    }

    private mutating func skip(past end: String) throws(XMLSyntaxError) {
        while index < scalars.count {
            if take(end) { return }
            index += 1
        }
        throw error("\(end) is missing")
    }

    private mutating func skipSpace() {
        while index < scalars.count, [" ", "\t", "\r", "\n"].contains(scalars[index]) { index += 1 }
    }

    private mutating func skipMisc() throws(XMLSyntaxError) {
        while true {
            skipSpace()
            if take("<!--") {
                try skip(past: "-->")
            } else if follows("<?"), !follows("<?xml ") {
                index += 2
                try skip(past: "?>")
            } else if follows("<!") {
                throw error("a document type is not allowed")
            } else {
                return
            }
        }
    }

    private mutating func name() throws(XMLSyntaxError) -> String {
        var name = String.UnicodeScalarView()
        while index < scalars.count {
            let scalar = scalars[index]
            let isStart = scalar.properties.isAlphabetic || scalar == "_" || scalar == ":"
            guard isStart || !name.isEmpty && (("0"..."9").contains(scalar) || scalar == "-" || scalar == ".") else {
                break
            }
            name.append(scalar)
            index += 1
        }
        guard !name.isEmpty else { throw error("a name is missing") }
        return String(name)
    }

    private mutating func element(level: Int) throws(XMLSyntaxError) -> XMLTree {
        guard level < Self.mostLevels else { throw error("nested too deeply") }
        guard take("<") else { throw error("'<' is missing") }
        var tree = XMLTree(name: try name())
        while true {
            let before = index
            skipSpace()
            if take("/>") { return tree }
            if take(">") { break }
            guard index > before else { throw error("a space before the attribute is missing") }
            let attribute = try name()
            skipSpace()
            guard take("=") else { throw error("'=' is missing") }
            skipSpace()
            guard tree.attributes.updateValue(try attributeValue(), forKey: attribute) == nil else {
                throw error("attribute \(attribute) is there twice")
            }
        }
        try content(of: &tree, level: level)
        return tree
    }

    private mutating func attributeValue() throws(XMLSyntaxError) -> String {
        guard index < scalars.count, scalars[index] == "\"" || scalars[index] == "'" else {
            throw error("an attribute value without quotes")
        }
        let quote = scalars[index]
        index += 1
        var value = String.UnicodeScalarView()
        while index < scalars.count {
            if scalars[index] == quote {
                index += 1
                return String(value)
            }
            guard scalars[index] != "<" else { throw error("'<' in an attribute value") }
            value.append(try character())
        }
        throw error("an attribute value does not end")
    }

    private mutating func content(of tree: inout XMLTree, level: Int) throws(XMLSyntaxError) {
        var text = String.UnicodeScalarView()
        while index < scalars.count {
            if take("</") {
                guard try name() == tree.name else { throw error("</\(tree.name)> is missing") }
                skipSpace()
                guard take(">") else { throw error("'>' is missing") }
                tree.text = String(text)
                return
            } else if take("<!--") {
                try skip(past: "-->")
            } else if take("<![CDATA[") {
                let start = index
                try skip(past: "]]>")
                text.append(contentsOf: scalars[start..<(index - 3)])
            } else if follows("<?") {
                try skip(past: "?>")
            } else if follows("<") {
                tree.children.append(try element(level: level + 1))
            } else if follows("]]>") {
                throw error("']]>' in text")
            } else {
                text.append(try character())
            }
        }
        throw error("</\(tree.name)> is missing")
    }

    /// One character of text, an entity resolved.
    private mutating func character() throws(XMLSyntaxError) -> Unicode.Scalar {
        let scalar = scalars[index]
        guard scalar != "&" else { return try reference() }
        guard Self.isCharacter(scalar) else { throw error("a character that XML forbids") }
        index += 1
        return scalar
    }

    private mutating func reference() throws(XMLSyntaxError) -> Unicode.Scalar {
        index += 1
        let start = index
        while index < scalars.count, index - start < 10, scalars[index] != ";" { index += 1 }
        guard index < scalars.count, scalars[index] == ";" else { throw error("'&' without ';'") }
        var name = String.UnicodeScalarView()
        name.append(contentsOf: scalars[start..<index])
        index += 1
        let text = String(name)
        if let scalar = Self.entities[text] { return scalar }
        let number =
            text.hasPrefix("#x")
            ? UInt32(text.dropFirst(2), radix: 16) : text.hasPrefix("#") ? UInt32(text.dropFirst()) : nil
        guard let number, let scalar = Unicode.Scalar(number), Self.isCharacter(scalar) else {
            throw error("unknown entity \(text)")
        }
        return scalar
    }

    private static func isCharacter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x9, 0xA, 0xD, 0x20...0xD7FF, 0xE000...0xFFFD, 0x10000...0x10FFFF: true
        default: false
        }
    }
}

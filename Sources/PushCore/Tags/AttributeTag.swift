/// How the value of a user's attribute is kept: as a tag whose name no tag can have, so that who had which value when is
/// known as it is for tags. The native API neither lists such tags nor can name them (``IDRules/isTag(_:)`` refuses control
/// characters).
public enum AttributeTag {
    private static let mark: Character = "\u{1}"

    /// Longest value, and longest name of an attribute, in bytes.
    public static let textBytesMax = 50

    /// What can be the name of an attribute or its value: 1-50 bytes without control characters.
    public static func isText(_ text: String) -> Bool {
        (1...textBytesMax).contains(text.utf8.count)
            && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }
    }

    public static func name(attribute: String, value: String) -> String { "\(mark)\(attribute)\(mark)\(value)" }

    /// The attribute and its value that a name stands for; nil for the name of a tag.
    public static func parts(of name: String) -> (attribute: String, value: String)? {
        guard name.first == mark else { return nil }
        let parts = name.dropFirst().split(separator: mark, maxSplits: 1, omittingEmptySubsequences: false)
        return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
    }
}

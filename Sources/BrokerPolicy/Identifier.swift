/// Ids as they may stand in topics, client ids and user names.
enum Identifier {
    static let bytesMax = 128

    /// One or more of `A-Z a-z 0-9 _ -`. The broker does not look at user names and client ids, and one with `+`, `#` or
    /// `/` in it would change the meaning of every topic that it becomes a part of.
    static func isValid(_ text: String) -> Bool {
        let bytes = text.utf8
        return !bytes.isEmpty && bytes.count <= bytesMax && bytes.allSatisfy(isAllowed)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

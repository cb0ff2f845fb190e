/// A language as devices and templates name it (BCP 47: `zh-Hant-TW`, `en`). Compared without case; `_` counts as `-`.
public enum LanguageTag {
    /// Longest tag, in bytes.
    public static let bytesMax = 35

    /// Letters, then parts of letters and digits, of at most eight each.
    public static func isValid(_ tag: String) -> Bool {
        guard tag.utf8.count <= bytesMax, tag.utf8.allSatisfy({ $0 < 0x80 }) else { return false }
        let parts = tag.split(separator: "-", omittingEmptySubsequences: false)
        return parts.enumerated().allSatisfy { index, part in
            (index == 0 ? 2...8 : 1...8).contains(part.count)
                && part.allSatisfy { $0.isLetter || (index > 0 && $0.isNumber) }
        }
    }

    /// The form in which tags are compared.
    static func normalized(_ tag: String) -> String { tag.replacing("_", with: "-").lowercased() }

    /// Where to look, best first: the device's language, then with one part less each time, the same of the tenant's
    /// default, then English (RFC 4647, section 3.4).
    static func lookup(device: String?, default fallback: String?) -> [String] {
        var found: [String] = []
        for tag in [device, fallback, "en"].compactMap({ $0 }) where tag.utf8.count <= bytesMax {
            var parts = normalized(tag).split(separator: "-")
            while !parts.isEmpty {
                let tag = parts.joined(separator: "-")
                if !found.contains(tag) { found.append(tag) }
                parts.removeLast()
                // A single letter only announces the part behind it.
                if parts.count > 1, parts.last?.count == 1 { parts.removeLast() }
            }
        }
        return found
    }
}

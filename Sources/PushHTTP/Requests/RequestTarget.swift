/// The target of a request line (RFC 9112, 3.2): its raw path and query.
struct RequestTarget {
    let path: Substring
    let query: Substring?

    init(_ text: String) {
        var rest = text[...]
        // The absolute form, as to a proxy: scheme and authority say nothing here.
        if !rest.hasPrefix("/"), let scheme = rest.firstRange(of: "://") {
            let authority = rest[scheme.upperBound...]
            rest = authority.firstIndex(of: "/").map { authority[$0...] } ?? "/"
        }
        if let mark = rest.utf8.firstIndex(of: UInt8(ascii: "?")) {
            path = rest[..<mark]
            query = rest[rest.utf8.index(after: mark)...]
        } else {
            path = rest
            query = nil
        }
    }
}

/// Takes secrets out of a vendor's words, which may repeat them: tokens, access tokens.
enum Secrets {
    /// The beginning of the text, at most `bytesMax` bytes before the secrets are taken out of it. A secret that is cut
    /// in two there goes as a whole.
    static func hide(_ secrets: [(text: String, shown: String)], in text: some Sequence<UInt8>, bytesMax: Int) -> String
    {
        let bytes = Array(text.prefix(bytesMax + 1))
        let isCut = bytes.count > bytesMax
        var shown = String(decoding: bytes.prefix(bytesMax), as: UTF8.self)
        for secret in secrets where !secret.text.isEmpty && shown.contains(secret.text) {
            shown = shown.replacing(secret.text, with: secret.shown)
        }
        guard isCut else { return shown }
        // The secret whose beginning is the longest end of the text.
        let end = Array(shown.utf8)
        let parts = secrets.map { endLength(of: end, thatBegins: Array($0.text.utf8)) }
        return String(decoding: end.dropLast(parts.max() ?? 0), as: UTF8.self)
    }

    private static func endLength(of bytes: [UInt8], thatBegins secret: [UInt8]) -> Int {
        var length = min(secret.count, bytes.count)
        while length > 0 {
            if bytes.suffix(length).elementsEqual(secret.prefix(length)) { return length }
            length -= 1
        }
        return 0
    }
}

import PushCore

/// What is the same for every vendor when an answer is read (`reference/vendor-push.md`, 0.2).
enum ReplyRules {
    /// The meaning of an HTTP status when the body says nothing that is known.
    static func answer(status: Int, reply: VendorReply, retryAfter: Duration?) -> VendorAnswer {
        switch status {
        case 200..<300: .sent(vendorID: nil)
        case 401, 403, 404: .auth(reply)
        case 429: .slow(reply, scope: .credential, after: retryAfter)
        case 408, 500...: .retry(reply, after: retryAfter)
        case 400..<500: .drop(reply)
        default: .retry(reply, after: retryAfter)  // a redirect is not followed: something stands in between
        }
    }

    /// The vendor's words for the trace: shortened, and without the token, which some vendors repeat.
    static func reply(code: String, text: String = "", hiding token: PushToken) -> VendorReply {
        func clean(_ text: String, _ count: Int) -> String {
            let secret = [(text: token.token, shown: token.fingerprint)]
            return String(Secrets.hide(secret, in: text.utf8, bytesMax: 4 * count).prefix(count))
        }
        return VendorReply(code: clean(code, 64), text: clean(text, 256))
    }
}

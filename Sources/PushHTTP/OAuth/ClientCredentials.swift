import PushCore
import PushCredentials

/// How a client shows who it is (RFC 6749, 2.3.1): HTTP Basic, or `client_id` and `client_secret` in the body.
struct ClientCredentials {
    let id: String
    let secret: String
    let isBasic: Bool

    /// nil when the request carries no complete client authentication at all.
    init?(authorization: String?, id: String?, secret: String?) throws(OAuthError) {
        guard let authorization else {
            guard let id, let secret else { return nil }
            self.id = id
            self.secret = secret
            isBasic = false
            return
        }
        guard let (basicID, basicSecret) = Self.basic(authorization) else {
            throw .refused(.invalidClient, "The Authorization field is no HTTP Basic credential.", usedBasic: true)
        }
        // One method a request; a client_id that only repeats is no second one.
        guard secret == nil, id == nil || id == basicID else {
            throw .refused(.invalidRequest, "Client authentication is given twice.")
        }
        self.id = basicID
        self.secret = basicSecret
        isBasic = true
    }

    /// RFC 7617, with both parts form-encoded as RFC 6749 asks.
    private static func basic(_ field: String) -> (id: String, secret: String)? {
        let words = field.split(separator: " ")
        guard words.count == 2, words[0].lowercased() == "basic" else { return nil }
        let url = words[1].replacing("+", with: "-").replacing("/", with: "_").prefix { $0 != "=" }
        guard let bytes = Base64URL.decode(url), let text = String(validating: bytes, as: UTF8.self),
            let colon = text.firstIndex(of: ":")
        else { return nil }
        guard let id = decoded(text[..<colon]), let secret = decoded(text[text.index(after: colon)...]) else {
            return nil
        }
        return (id, secret)
    }

    private static func decoded(_ text: Substring) -> String? {
        try? PercentDecoding.text(of: text, plusIsSpace: true, what: "The credential")
    }
}

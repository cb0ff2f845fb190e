import NIOHTTP1
import PushCore

/// What a push service's answers mean (RFC 8030; Mozilla autopush: "Error codes"; `reference/vendor-push.md` 3.4).
struct WebPushReply {
    let answer: VendorAnswer
    /// The service refused the VAPID token: it is renewed once.
    let isRefusedAuthorization: Bool

    private enum Meaning { case dead, drop, auth, retry, slow }

    init(_ reply: OutboundReply, endpoint: EndpointURL, now: Milliseconds) {
        let after = RetryAfter.parse(reply.headers, now: now)
        if (200..<300).contains(reply.status) {
            // Where the message can be deleted; relative to the endpoint in some services.
            let location = reply.headers.first(name: "location").map { String($0.prefix(256)) }
            answer = .sent(vendorID: location)
            isRefusedAuthorization = false
            return
        }
        let body = (try? RawJSON(parsing: reply.body))?.object
        let errno = body?["errno"].flatMap { $0.integer ?? $0.string.flatMap { Int64($0) } }
        let words = body?["reason"]?.string ?? body?["message"]?.string ?? body?["error"]?.string
        let text = words ?? String(decoding: reply.body.prefix(256), as: UTF8.self)
        let said = Self.reply(code: errno.map(String.init) ?? "\(reply.status)", text: text, hiding: endpoint)
        let meaning = errno.flatMap(Self.meaning(errno:)) ?? Self.meaning(status: reply.status)
        isRefusedAuthorization = meaning == .auth
        switch meaning {
        case .dead: answer = .dead(said)
        case .drop: answer = .drop(said)
        case .auth: answer = .auth(said)
        case .retry: answer = .retry(said, after: after)
        // A service serves many applications and does not say what was too much: the one subscription is slowed for
        // sure, and ``WebPushOrigins`` leaves the service alone for a while.
        case .slow: answer = .slow(said, scope: .device, after: after)
        }
    }

    private static func meaning(errno: Int64) -> Meaning? {
        switch errno {
        case 101, 110, 104, 111, 112, 113: .drop
        case 102, 103, 105, 106, 108: .dead
        case 109: .auth
        case 201, 202, 900...903, 999: .retry
        default: nil
        }
    }

    private static func meaning(status: Int) -> Meaning {
        switch status {
        case 401, 403: .auth
        case 404, 410: .dead
        case 429: .slow
        case 408: .retry
        case 400..<500: .drop
        default: .retry
        }
    }

    /// The endpoint is a secret of the device, and some services repeat it or the end of it.
    private static func reply(code: String, text: String, hiding endpoint: EndpointURL) -> VendorReply {
        var text = String(text.prefix(4096))
        let end = endpoint.text.split(separator: "/").last.map(String.init) ?? ""
        for secret in [endpoint.written, endpoint.text, end] where secret.utf8.count >= 8 {
            text = text.replacing(secret, with: "…")
        }
        return VendorReply(code: String(code.prefix(64)), text: String(text.prefix(256)))
    }
}

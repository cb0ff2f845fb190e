/// What a vendor's answer means for the job and for the credential. Decided here and nowhere else
/// (`reference/vendor-push.md`, 0.1 to 0.3).
struct AnswerReading: Sendable {
    struct Meaning: Sendable {
        let change: PushJobChange
        var pause: PushPause?
    }

    let retries: RetryPolicy
    let now: Milliseconds
    /// The credential is stopped because too many tokens died: none is called dead on a code that a wrong credential
    /// gives as well.
    var isBraked = false

    /// - Parameter repeatReplaces: whether the push, sent again, takes the place of the first one.
    func meaning(
        of answer: VendorAnswer, to prepared: PreparedPush, repeatReplaces: Bool
    ) -> Meaning {
        let vendor = prepared.push.token.vendor
        let attempts = prepared.job.attempts
        switch answer {
        case .sent(let vendorID):
            return Meaning(
                change: .accepted(
                    vendor: vendor, vendorID: vendorID, use: prepared.use, token: prepared.push.token))
        case .dead(let reply, _, true) where isBraked: return Meaning(change: again(prepared, at: now, reply))
        case .dead(let reply, let since, let isDoubtful):
            return Meaning(
                change: .tokenDead(prepared.push.token, reply, since: since, isDoubtful: isDoubtful))
        case .drop(let reply): return Meaning(change: .failed(vendor: vendor, .vendorRefused, reply))
        case .retry(let reply, _, let triesMax?) where attempts >= triesMax:
            return Meaning(change: .failed(vendor: vendor, .vendorRefused, reply))
        case .retry(let reply, let after, _):
            let next = retries.next(afterAttempts: attempts, asked: after, isPace: false, now: now)
            return Meaning(change: again(prepared, at: next, reply))
        case .unknown(let reply) where !repeatReplaces:
            return Meaning(change: .failed(vendor: vendor, .vendorRefused, .notRepeated(reply)))
        case .unknown(let reply):
            let next = retries.next(afterAttempts: attempts, asked: nil, isPace: false, now: now)
            return Meaning(change: again(prepared, at: next, reply))
        case .slow(let reply, let scope, let after):
            let next = retries.next(afterAttempts: attempts, asked: after, isPace: true, now: now)
            return Meaning(
                change: again(prepared, at: next, reply),
                pause: PushPause(
                    scope: Self.scope(scope, prepared), length: .milliseconds(next - now), reply: reply))
        case .auth(let reply):
            // The credential holds it back, and lets it go as soon as it is good again.
            guard let expiry = prepared.expiry, now < expiry else {
                return Meaning(change: .failed(vendor: vendor, .expired, reply))
            }
            return Meaning(change: .heldBack(vendor: vendor, reply))
        }
    }

    /// A try that would come after the push's life is not made.
    private func again(_ prepared: PreparedPush, at next: Milliseconds, _ reply: VendorReply) -> PushJobChange {
        let vendor = prepared.push.token.vendor
        guard let expiry = prepared.expiry, next < expiry else { return .failed(vendor: vendor, .expired, reply) }
        return .retry(at: next, vendor: vendor, reply)
    }

    private static func scope(_ scope: VendorAnswer.PaceScope, _ prepared: PreparedPush) -> PushPause.Scope {
        switch scope {
        case .credential: .credential
        case .messageClass: .messageClass(prepared.push.messageClass)
        case .device: .device(prepared.job.device)
        }
    }

    /// One answer a push, whatever came: where some are missing the vendor's word on them is not known to be final.
    static func complete(_ answers: [VendorAnswer], for count: Int) -> [VendorAnswer] {
        let missing = VendorAnswer.retry(
            VendorReply(code: "no_answer", text: "The vendor's answer did not speak of this push."))
        return Array((answers + Array(repeating: missing, count: max(0, count - answers.count))).prefix(count))
    }
}

extension VendorReply {
    /// Nobody knows whether the vendor delivered it, and it ends for that. `reply`: why nobody knows.
    static func notRepeated(_ reply: VendorReply) -> VendorReply {
        let why = [reply.code, reply.text].filter { !$0.isEmpty }.joined(separator: ": ")
        return VendorReply(
            code: "not_repeated",
            text:
                "\(why)\(why.hasSuffix(".") ? "" : ".") The vendor may have delivered it; it was not repeated, for a repeat would show twice."
        )
    }

    /// Of a push that was under way when the gateway ended, and that must not go out twice.
    public static let interrupted = notRepeated(
        VendorReply(code: "interrupted", text: "the gateway ended before the vendor's answer was written down"))
}

extension VendorAnswer {
    /// Whether what the vendor says of the token is doubtful; nil where it says nothing of it.
    var saysOfToken: Bool? {
        guard !isLocal else { return nil }
        switch self {
        case .dead(_, _, let isDoubtful): return isDoubtful
        case .sent, .drop: return false
        case .retry, .unknown, .auth, .slow: return nil
        }
    }

    /// Whether it shows that the credential is the right one for its token. A push that is refused for itself does not.
    var provesCredential: Bool {
        guard !isLocal else { return false }
        switch self {
        case .sent, .dead(_, _, false): return true
        case .dead(_, _, true), .drop, .retry, .unknown, .auth, .slow: return false
        }
    }

    /// The adapter answered without asking its vendor.
    var isLocal: Bool {
        switch self {
        case .sent: false
        case .dead(let reply, _, _), .retry(let reply, _, _), .unknown(let reply), .auth(let reply),
            .drop(let reply),
            .slow(let reply, _, _):
            reply.isLocal
        }
    }
}

import PushCore

/// What vivo's answers mean (`reference/vendor-push.md` 8): a result code in the body, and beside it the tokens that
/// are no good.
struct VivoReply {
    /// nil: this is no answer of vivo's.
    let result: String?
    let retryAfter: Duration?
    private let status: Int
    private let description: String
    private let body: JSONObject?
    private let overrides: ReplyOverrides
    private let now: Milliseconds

    init(_ reply: OutboundReply, overrides: ReplyOverrides, now: Milliseconds) {
        body = (try? RawJSON(parsing: reply.body))?.object
        result = body?["result"]?.numberOrText
        description = body?["desc"]?.string ?? ""
        status = reply.status
        retryAfter = RetryAfter.parse(reply.headers, now: now)
        self.overrides = overrides
        self.now = now
    }

    /// The `authToken` has ended: it is renewed, and the request repeated, once.
    var isRefusedAuthorization: Bool { result == "10000" || result == nil && (status == 401 || status == 403) }

    var authToken: String? {
        guard let text = body?["authToken"]?.string, !text.isEmpty, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        return text
    }

    /// A code of success counts with a status of success alone.
    var isSuccess: Bool { result == "0" && (200..<300).contains(status) }

    /// As it was written, for the next step.
    var taskID: RawJSON? { body?["taskId"].flatMap { $0.numberOrText?.isEmpty == false ? $0 : nil } }

    /// Nil for a code that is in no table.
    var meaning: ReplyMeaning? { result.flatMap { overrides[$0] ?? Self.meaning(of: $0) } }

    /// Whether somebody should look at the reply as it came.
    var isUncertain: Bool {
        guard let result else { return true }
        return meaning == nil || ["10043", "10045"].contains(result)
    }

    static func meaning(of result: String) -> ReplyMeaning? {
        switch result {
        case "0": .sent
        case "10000", "10094", "10096", "10097": .auth
        case "10040": .retry
        case "10043", "10045": .slow(.credential, .seconds(60))  // not documented: slowing loses nothing
        case "10050", "10051", "10054", "10055", "10056", "10085", "10104": .drop
        case "10200", "10201", "10202", "10203", "10204", "10205", "10206", "10207": .drop
        case "10070", "10073", "10252", "10254": .slow(.messageClass, .nextDay)
        case "10071": .slow(.messageClass, .until(hour: 7))
        case "10072": .slow(.credential, .seconds(60))
        case "10093": .slow(.credential, .seconds(1))
        case "10302": .deadOrMisconfigured
        default: nil
        }
    }

    func said(hiding token: PushToken?) -> VendorReply {
        ReplyRules.reply(
            code: result ?? "\(status)", text: description, hiding: token ?? PushToken(vendor: .vivo, token: ""))
    }

    /// What the answer as a whole says, without the tokens it names.
    func answer(hiding token: PushToken?) -> VendorAnswer {
        let said = said(hiding: token)
        if let meaning, meaning != .sent || (200..<300).contains(status) {
            return meaning.answer(
                said, vendorID: body?["taskId"]?.numberOrText, retryAfter: retryAfter, now: now)
        }
        if (200..<300).contains(status) {
            return result == nil ? .unknown(said) : .retry(said, triesMax: ReplyMeaning.triesOfUnknownCode)
        }
        return ReplyRules.answer(status: status, reply: said, retryAfter: retryAfter)
    }

    /// What came of a request for these pushes. Only tokens that the reply names die. A list that was refused for some
    /// of them comes again without them; where it names none, halves tell which they are.
    func outcome(for batch: [VendorPush]) -> BatchOutcome {
        let named = namedUsers
        let isAlone = batch.count == 1
        let users = batch.map { push in
            named.first { $0.id == push.token.token || $0.id == nil && isAlone }
        }
        let whole = answer(hiding: batch.first?.token)
        if case .dead(let said, _, let isDoubtful) = whole, !isAlone, users.allSatisfy({ $0 == nil }) {
            let hidden = ReplyRules.reply(code: said.code, text: description, hiding: batch.map(\.token))
            return .undivided(.dead(hidden, mayBeMisconfiguration: isDoubtful))
        }
        return .each(
            zip(batch, users).map { push, user in
                if let user { return answer(for: user, of: push) }
                let whole = answer(hiding: push.token)
                guard case .dead(let said, _, _) = whole, !isAlone else { return whole }
                return .retry(said)
            })
    }

    // MARK: Tokens

    private struct NamedUser {
        let id: String?
        let status: String?
    }

    /// `invalidUser` and `invalidUsers`, one or a list.
    private var namedUsers: [NamedUser] {
        ["invalidUser", "invalidUsers"].compactMap { body?[$0] }.flatMap { $0.array ?? [$0] }.compactMap(\.object)
            .map { NamedUser(id: $0["userid"]?.numberOrText, status: $0["status"]?.numberOrText) }
    }

    private func answer(for user: NamedUser, of push: VendorPush) -> VendorAnswer {
        let said = ReplyRules.reply(
            code: "invalidUser \(user.status ?? "?")", text: description, hiding: push.token)
        switch user.status {
        case _ where result == "10302": return .dead(self.said(hiding: push.token), mayBeMisconfiguration: true)
        case "1", "2": return .dead(said)
        case "4": return .auth(said)
        // 3: not used for a long time. The token may come to life again, this push does not arrive.
        default: return .drop(said)
        }
    }
}

import PushCore

/// What OPPO's answers mean (`reference/vendor-push.md` 7).
struct OPPOReply {
    /// Category or level of showing are not this app's to use.
    static let levelRefused = "67"

    let reply: OutboundReply
    let code: String?
    private let words: String
    private let data: RawJSON?

    init(_ reply: OutboundReply) {
        self.reply = reply
        let body = (try? RawJSON(parsing: reply.body))?.object
        code = body?["code"]?.codeText
        words = body?["message"]?.string ?? ""
        data = body?["data"]
    }

    private var isOK: Bool { (200..<300).contains(reply.status) }

    var isSuccess: Bool { isOK && code == "0" }

    var authToken: String? { data?.object?["auth_token"]?.string }

    /// Codes that are not in the reference, or there without a meaning that is certain.
    var uncertainCodes: [String] {
        guard let code else { return isOK ? ["\(reply.status)"] : [] }
        let items = (data?.array ?? []).compactMap { $0.object?["errorCode"]?.codeText }
        return ([code] + items).filter { !Self.isCertain($0) }
    }

    private static func isCertain(_ code: String) -> Bool {
        if code == "0" { return true }
        if let number = Int(code), (20...24).contains(number) { return false }
        return answer(code: code, said: VendorReply(code: code), after: nil, now: 0) != nil
    }

    /// The access token has ended, or was never good.
    static func isRefusedLogin(_ reply: OutboundReply) -> Bool {
        let read = OPPOReply(reply)
        switch read.code {
        case "11", "29": return true
        case let code? where answer(code: code, said: VendorReply(code: code), after: nil, now: 0) != nil: return false
        default: return reply.status == 401 || reply.status == 403
        }
    }

    /// What came of a request for these tokens.
    func outcome(for tokens: [PushToken], now: Milliseconds) -> BatchOutcome {
        if isSuccess {
            if let items = data?.array { return .each(answers(items, for: tokens, now: now)) }
            if tokens.count == 1 { return .each([.sent(vendorID: data?.object?["messageId"]?.codeText)]) }
            let said = VendorReply(code: "0", text: "no result for each target")
            return .each(Array(repeating: .unknown(said), count: tokens.count))
        }
        let answer = answer(hiding: tokens, now: now)
        switch answer {
        // One of the messages is at fault, and the others have other tokens and other texts.
        case .dead, .drop, .sent: return tokens.count > 1 ? .undivided(answer) : .each([answer])
        default: return .each(Array(repeating: answer, count: tokens.count))
        }
    }

    func answer(hiding tokens: [PushToken], now: Milliseconds) -> VendorAnswer {
        let after = RetryAfter.parse(reply.headers, now: now)
        let said = ReplyRules.reply(code: code ?? "\(reply.status)", text: words, hiding: tokens)
        if let code, let answer = Self.answer(code: code, said: said, after: after, now: now) { return answer }
        if isOK { return .unknown(said) }
        return ReplyRules.answer(status: reply.status, reply: said, retryAfter: after)
    }

    // MARK: Items of a batch

    /// By their ids; a device that is in the batch twice has its results in the order of its messages. Where the
    /// vendor leaves the ids out and gives as many results as there were messages, by their places.
    private func answers(_ items: [RawJSON], for tokens: [PushToken], now: Milliseconds) -> [VendorAnswer] {
        let objects = items.map(\.object)
        let ids = objects.map { $0?["registrationId"]?.string }
        if ids.allSatisfy({ $0 == nil }), items.count == tokens.count {
            return zip(objects, tokens).map { answer(to: $0, token: $1, now: now) }
        }
        var places: [String: [Int]] = [:]
        for (place, id) in ids.enumerated().reversed() { if let id { places[id, default: []].append(place) } }
        return tokens.map { token in
            let place = places[token.token]?.popLast()
            return answer(to: place.flatMap { objects[$0] }, token: token, now: now)
        }
    }

    private func answer(to item: JSONObject?, token: PushToken, now: Milliseconds) -> VendorAnswer {
        guard let item else { return .unknown(VendorReply(code: "0", text: "no result for this target")) }
        guard let value = item["errorCode"], !value.isNull, value.codeText != "0" else {
            return .sent(vendorID: item["messageId"]?.codeText)
        }
        let said = ReplyRules.reply(
            code: value.codeText ?? "0", text: item["errorMessage"]?.string ?? "", hiding: token)
        return Self.answer(code: said.code, said: said, after: RetryAfter.parse(reply.headers, now: now), now: now)
            ?? .unknown(said)
    }

    // MARK: Codes

    private static func answer(code: String, said: VendorReply, after: Duration?, now: Milliseconds) -> VendorAnswer? {
        switch code {
        case "-1": .retry(said, after: after)
        case "-2", "13", "55": .slow(said, scope: .credential, after: after)
        // The volume is of marketing; communication and service have none.
        case "33": .slow(said, scope: .messageClass, after: after ?? VendorDay.untilNext(now: now))
        case "11", "29", "14", "15", "16", "17", "18", "19", "26", "27", "28", "30": .auth(said)
        case "12", "20", "21", "22", "23", "24", "25", "31", "34", "40", "41", "51", "59", levelRefused: .drop(said)
        // It has this message already.
        case "32": .sent(vendorID: nil)
        case "10000": .dead(said, mayBeMisconfiguration: true)
        default: nil
        }
    }
}

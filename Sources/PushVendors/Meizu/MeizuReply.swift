import PushCore

/// What Meizu's answers mean (`reference/vendor-push.md` 9): a code for the request, and codes with the `pushId`s that
/// it did not reach.
struct MeizuReply {
    /// nil: this is no answer of Meizu's.
    let code: String?
    private let status: Int
    private let message: String
    private let messageID: String?
    private let retryAfter: Duration?
    /// The code of each `pushId` that failed.
    private let failed: [String: String]
    private let overrides: ReplyOverrides
    private let now: Milliseconds

    init(_ reply: OutboundReply, overrides: ReplyOverrides, now: Milliseconds) {
        let body = (try? RawJSON(parsing: reply.body))?.object
        code = body?["code"]?.numberOrText
        message = body?["message"]?.string ?? ""
        messageID = body?["msgId"]?.numberOrText
        status = reply.status
        retryAfter = RetryAfter.parse(reply.headers, now: now)
        var failed: [String: String] = [:]
        for member in body?["value"]?.object?.members ?? [] {
            for id in member.value.array ?? [member.value] {
                if let id = id.numberOrText { failed[id] = member.key }
            }
        }
        self.failed = failed
        self.overrides = overrides
        self.now = now
    }

    /// Codes in this reply that are in no table.
    var uncertainCodes: [String] {
        guard let code else { return ["\(status)"] }
        let whole = overrides[code] ?? Self.meaning(ofRequest: code) ?? Self.meaning(ofPushID: code)
        let others = Set(failed.values).filter { overrides[$0] == nil && Self.meaning(ofPushID: $0) == nil }
        return (whole == nil ? [code] : []) + others.sorted()
    }

    static func meaning(ofRequest code: String) -> ReplyMeaning? {
        switch code {
        case "200": .sent
        case "500", "1001", "1003": .retry
        case "1005", "110004": .drop
        case "1006", "110000", "110001", "110009", "110031", "110032", "110033": .auth
        case "110010": .slow(.credential)
        case "110019", "110051", "110053": .slow(.messageClass, .nextDay)
        default: nil
        }
    }

    static func meaning(ofPushID code: String) -> ReplyMeaning? {
        switch code {
        case "110002", "110003", "110005": .dead
        case "110010": .drop  // the person switched notifications off: the token stays
        case "110011": .slow(.device, .nextDay)
        case "501", "513", "519": .retry
        case "520": .sent  // folded into one that is shown
        case "201": .auth
        default: nil
        }
    }

    /// An answer for each push, in order.
    func answers(for batch: [VendorPush]) -> [VendorAnswer] {
        batch.map { push in
            if let code = failed[push.token.token] {
                return answer(code, overrides[code] ?? Self.meaning(ofPushID: code), push)
            }
            guard let code else {
                let said = VendorReply(code: "\(status)")
                return (200..<300).contains(status)
                    ? .unknown(said) : ReplyRules.answer(status: status, reply: said, retryAfter: retryAfter)
            }
            var meaning = overrides[code] ?? Self.meaning(ofRequest: code)
            // With one id in it a request can be refused for that id.
            if meaning == nil, batch.count == 1 { meaning = Self.meaning(ofPushID: code) }
            return answer(code, meaning, push)
        }
    }

    private func answer(_ code: String, _ meaning: ReplyMeaning?, _ push: VendorPush) -> VendorAnswer {
        let said = ReplyRules.reply(code: code, text: message, hiding: push.token)
        let isOK = (200..<300).contains(status)
        // A code of success counts with a status of success alone.
        if let meaning, meaning != .sent || isOK {
            return meaning.answer(said, vendorID: messageID, retryAfter: retryAfter, now: now)
        }
        if isOK { return .retry(said, triesMax: ReplyMeaning.triesOfUnknownCode) }
        return ReplyRules.answer(status: status, reply: said, retryAfter: retryAfter)
    }
}

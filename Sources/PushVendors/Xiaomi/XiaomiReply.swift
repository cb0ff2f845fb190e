import PushCore

/// What Mi Push's answers mean (dev.mi.com: "Server error codes"; `reference/vendor-push.md` 6).
struct XiaomiReply {
    let reply: OutboundReply
    let code: String?
    private let words: String
    private let messageID: String?

    init(_ reply: OutboundReply) {
        self.reply = reply
        let body = (try? RawJSON(parsing: reply.body))?.object
        code = body?["code"]?.codeText
        // Whichever of them the vendor filled in.
        words = ["reason", "description", "info"].compactMap { body?[$0]?.string }.filter { !$0.isEmpty }
            .joined(separator: "; ")
        messageID = body?["data"]?.object?["id"]?.codeText
    }

    private var isOK: Bool { (200..<300).contains(reply.status) }

    /// 20301 and 65028 are in the vendor's list without a meaning that is certain.
    var isKnown: Bool {
        guard let code else { return !isOK }
        if code == "20301" || code == "65028" { return false }
        return code == "0" && isOK || answer(code: code, said: VendorReply(code: code), after: nil, now: 0) != nil
    }

    /// What came of a request for these tokens.
    func outcome(for tokens: [PushToken], now: Milliseconds) -> BatchOutcome {
        let answer = answer(hiding: tokens, now: now)
        // The one that is dead is not named.
        if case .dead = answer, tokens.count > 1 { return .undivided(answer) }
        return .each(Array(repeating: answer, count: tokens.count))
    }

    private func answer(hiding tokens: [PushToken], now: Milliseconds) -> VendorAnswer {
        let after = RetryAfter.parse(reply.headers, now: now)
        let said = ReplyRules.reply(code: code ?? "\(reply.status)", text: words, hiding: tokens)
        if code == "0", isOK { return .sent(vendorID: messageID) }
        if let code, let answer = answer(code: code, said: said, after: after, now: now) { return answer }
        if isOK { return .unknown(said) }
        return ReplyRules.answer(status: reply.status, reply: said, retryAfter: after)
    }

    private func answer(code: String, said: VendorReply, after: Duration?, now: Milliseconds) -> VendorAnswer? {
        switch code {
        case "-1", "1", "10001", "10002", "10003", "20607", "22102", "26003", "65029": .retry(said, after: after)
        case "10008", "10012", "10016", "10017", "20209", "21305", "65009", "65014", "65015", "65036", "65037", "65038",
            "65028":
            .drop(said)
        case "10027", "26004", "200002": .slow(said, scope: .credential, after: after)
        // The volume is of what is sent on public channels, which is another class than service.
        case "10034", "200001": .slow(said, scope: .messageClass, after: after ?? VendorDay.untilNext(now: now))
        case "10031", "10036", "21301", "21302", "21303", "22000", "22006", "22007", "22022", "26006", "27001":
            .auth(said)
        case "10037": .retry(said, after: after, triesMax: 2)
        case "10029", "65003": .dead(said)
        case "20301": namesInvalidTarget ? .dead(said) : .retry(said, after: after, triesMax: 2)
        default: nil
        }
    }

    private var namesInvalidTarget: Bool {
        let text = words.lowercased()
        let isAboutTarget = ["target", "regid", "registration", "device"].contains { text.contains($0) }
        return isAboutTarget && (text.contains("invalid") || text.contains("illegal"))
            || ["无效目标", "非法目标", "目标无效", "无效的regid", "无效的目标", "regid无效"].contains { text.contains($0) }
    }
}

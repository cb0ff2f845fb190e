import PushCore
import Testing

@testable import PushVendors

@Suite struct XiaomiReplyTests {
    private static let tokens = ["tokenA1111", "tokenB2222"].map { PushToken(vendor: .xiaomi, token: $0) }

    private func outcome(_ status: Int, _ body: String, count: Int = 2, retryAfter: String? = nil) -> BatchOutcome {
        let reply = OutboundReply(
            status: status, headers: retryAfter.map { ["retry-after": $0] } ?? [:], body: Array(body.utf8))
        return XiaomiReply(reply).outcome(for: Array(Self.tokens.prefix(count)), now: exampleNow)
    }

    private func said(_ code: String) -> VendorReply { VendorReply(code: code, text: "words") }

    /// Every row of the reference, with the code as a number and as a text, with 200 and with another status.
    @Test(arguments: [
        ("retry", ["-1", "1", "10001", "10002", "10003", "20607", "22102", "26003", "65029"]),
        (
            "drop",
            [
                "10008", "10012", "10016", "10017", "20209", "21305", "65009", "65014", "65015", "65036", "65037",
                "65038", "65028",
            ]
        ),
        ("slow", ["10027", "26004", "200002"]), ("day", ["10034", "200001"]),
        (
            "auth",
            [
                "10031", "10036", "21301", "21302", "21303", "22000", "22006", "22007", "22022", "26006", "27001",
            ]
        ),
        ("once", ["10037", "20301"]), ("dead", ["10029", "65003"]), ("unknown", ["99999"]),
    ])
    func `each code has its meaning`(kind: String, codes: [String]) throws {
        for code in codes {
            let answers: [String: VendorAnswer] = [
                "retry": .retry(said(code)), "drop": .drop(said(code)), "slow": .slow(said(code), scope: .credential),
                // 22:13:20 UTC is 06:13:20 in Beijing.
                "day": .slow(said(code), scope: .messageClass, after: .seconds(17 * 3600 + 46 * 60 + 40)),
                "auth": .auth(said(code)), "once": .retry(said(code), triesMax: 2), "dead": .dead(said(code)),
                "unknown": .unknown(said(code)),
            ]
            let answer = try #require(answers[kind])
            let body = #"{"result":"error","code":\#(code),"description":"words"}"#
            #expect(outcome(200, body, count: 1) == .each([answer]))
            let text = #"{"result":"error","code":"\#(code)","reason":"words"}"#
            #expect(outcome(200, text, count: 1) == .each([answer]))
            if kind != "unknown" { #expect(outcome(400, body, count: 1) == .each([answer])) }
            #expect(outcome(200, body) == (kind == "dead" ? .undivided(answer) : .each([answer, answer])))
            let isKnown = XiaomiReply(OutboundReply(status: 200, body: Array(body.utf8))).isKnown
            #expect(isKnown == !["20301", "65028", "99999"].contains(code))
        }
    }

    @Test(arguments: ["invalid target", "Illegal regid", "无效目标"])
    func `a failed sending is about the token where the vendor says so`(words: String) {
        let body = #"{"result":"error","code":20301,"reason":"\#(words)"}"#
        #expect(outcome(200, body, count: 1) == .each([.dead(VendorReply(code: "20301", text: words))]))
    }

    @Test func `success has the message's id`() {
        let sent = VendorAnswer.sent(vendorID: "sdm01")
        #expect(
            outcome(200, #"{"result":"ok","code":0,"data":{"id":"sdm01","day_quota":"5"}}"#) == .each([sent, sent]))
        #expect(outcome(200, #"{"code":"0"}"#, count: 1) == .each([.sent(vendorID: nil)]))
        #expect(outcome(502, #"{"code":0,"info":"words"}"#, count: 1) == .each([.retry(said("0"))]))
    }

    @Test(arguments: [
        (302, VendorAnswer.retry(VendorReply(code: "302"))), (400, .drop(VendorReply(code: "400"))),
        (401, .auth(VendorReply(code: "401"))), (403, .auth(VendorReply(code: "403"))),
        (404, .auth(VendorReply(code: "404"))), (429, .slow(VendorReply(code: "429"), scope: .credential)),
        (503, .retry(VendorReply(code: "503"))), (200, .unknown(VendorReply(code: "200"))),
    ])
    func `without a code the status decides`(status: Int, expected: VendorAnswer) {
        for body in ["", "<html>", "[]", #"{"code":[]}"#] {
            #expect(outcome(status, body, count: 1) == .each([expected]))
        }
    }

    @Test(arguments: ["30", "Tue, 14 Nov 2023 22:13:50 GMT"])
    func `Retry-After is kept, also against the next day`(text: String) {
        for (code, scope) in [("10027", VendorAnswer.PaceScope.credential), ("200001", .messageClass)] {
            let slow = VendorAnswer.slow(said(code), scope: scope, after: .seconds(30))
            #expect(
                outcome(429, #"{"code":\#(code),"info":"words"}"#, count: 1, retryAfter: text) == .each([slow]))
        }
    }

    @Test func `tokens in the vendor's words are hidden`() {
        let words = VendorReply(code: "10016", text: "bad …1111 and …2222")
        #expect(
            outcome(200, #"{"code":10016,"reason":"bad tokenA1111 and tokenB2222"}"#)
                == .each([.drop(words), .drop(words)]))
    }
}

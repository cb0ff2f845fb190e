import PushCore
import Testing

@testable import PushVendors

@Suite struct HuaweiReplyTests {
    private static let tokens = ["tokenA1111", "tokenB2222", "tokenC3333"].map { PushToken(vendor: .huawei, token: $0) }

    private func answers(_ status: Int, _ body: String, retryAfter: String? = nil) -> [VendorAnswer] {
        let reply = OutboundReply(
            status: status, headers: retryAfter.map { ["retry-after": $0] } ?? [:], body: Array(body.utf8))
        return HuaweiReply(reply).answers(for: Self.tokens, now: exampleNow)
    }

    private func all(_ answer: VendorAnswer) -> [VendorAnswer] { Array(repeating: answer, count: 3) }

    private func said(_ code: String) -> VendorReply { VendorReply(code: code, text: "words") }

    /// Every row of the reference, with the code as a text and as a number, with 200 and with another status.
    @Test(
        arguments: [
            ("80100001", "drop"), ("80100003", "drop"), ("80100002", "drop"), ("80100004", "drop"),
            ("80100013", "drop"), ("80100016", "drop"), ("80100017", "slow"), ("80100018", "auth"),
            ("80200001", "auth"), ("80200003", "auth"), ("80300002", "auth"), ("80300008", "drop"),
            ("80300010", "drop"), ("80300011", "auth"), ("80300013", "auth"), ("80600003", "retry"),
            ("81000001", "retry"), ("82000001", "drop"), ("82000007", "drop"), ("82000008", "drop"),
            ("82000009", "drop"), ("82000013", "drop"), ("80300007", "dead"), ("82000014", "unknown"),
            ("99", "unknown"),
        ])
    func `each code has its meaning`(code: String, kind: String) throws {
        let expected: [String: VendorAnswer] = [
            "drop": .drop(said(code)), "slow": .slow(said(code), scope: .credential), "auth": .auth(said(code)),
            "retry": .retry(said(code)), "dead": .dead(said(code), mayBeMisconfiguration: true),
            "unknown": .unknown(said(code)),
        ]
        let answer = try #require(expected[kind])
        #expect(answers(200, #"{"code":"\#(code)","msg":"words","requestId":"r"}"#) == all(answer))
        #expect(answers(200, #"{"code":\#(code),"msg":"words"}"#) == all(answer))
        if kind != "unknown" { #expect(answers(400, #"{"code":"\#(code)","msg":"words"}"#) == all(answer)) }
    }

    @Test func `success has the request's id`() {
        #expect(
            answers(200, #"{"code":"80000000","msg":"Success","requestId":"157"}"#) == all(.sent(vendorID: "157")))
        #expect(answers(200, #"{"code":80000000}"#) == all(.sent(vendorID: nil)))
        // A success that comes with a failure is none.
        #expect(answers(500, #"{"code":"80000000","msg":"words"}"#) == all(.retry(said("80000000"))))
    }

    @Test(arguments: [
        #""{\"success\":2,\"failure\":1,\"illegal_tokens\":[\"tokenB2222\",\"someone-else\"]}""#,
        #"{"success":2,"failure":1,"illegal_tokens":["tokenB2222","someone-else",5]}"#,
    ])
    func `of a partial success the listed tokens are dead and no other`(msg: String) {
        let found = answers(200, #"{"code":"80100000","msg":\#(msg),"requestId":"r1"}"#)
        let words = VendorReply(code: "80100000", text: #"{"success":2,"failure":1}"#)
        #expect(found == [.sent(vendorID: "r1"), .dead(words), .sent(vendorID: "r1")])
    }

    @Test func `a partial success without a list says nothing about anyone`() {
        let words = VendorReply(code: "80100000", text: "some failed")
        #expect(answers(200, #"{"code":"80100000","msg":"some failed"}"#) == all(.unknown(words)))
    }

    @Test func `all tokens invalid may be another app's tokens`() {
        let body =
            #"{"code":"80300007","msg":"{\"success\":0,\"failure\":3,\"illegal_tokens\":[\"tokenA1111\",\"tokenB2222\",\"tokenC3333\"]}"}"#
        let words = VendorReply(code: "80300007", text: #"{"success":0,"failure":3}"#)
        #expect(answers(200, body) == all(.dead(words, mayBeMisconfiguration: true)))
    }

    @Test(arguments: [
        (302, VendorAnswer.retry(VendorReply(code: "302"))), (400, .drop(VendorReply(code: "400"))),
        (401, .auth(VendorReply(code: "401"))), (403, .auth(VendorReply(code: "403"))),
        (404, .auth(VendorReply(code: "404"))), (408, .retry(VendorReply(code: "408"))),
        (413, .drop(VendorReply(code: "413"))), (429, .slow(VendorReply(code: "429"), scope: .credential)),
        (500, .retry(VendorReply(code: "500"))), (502, .retry(VendorReply(code: "502"))),
        (503, .slow(VendorReply(code: "503"), scope: .credential)), (200, .unknown(VendorReply(code: "200"))),
    ])
    func `without a code the status decides`(status: Int, expected: VendorAnswer) {
        for body in ["", "<html>", "[]", "null", #"{"code":null}"#, #"{"code":{}}"#, #"{"code":true}"#] {
            #expect(answers(status, body) == all(expected))
        }
    }

    @Test func `an unknown code leaves it to the status`() {
        #expect(answers(401, #"{"code":"7","msg":"words"}"#) == all(.auth(said("7"))))
        #expect(answers(503, #"{"code":"7","msg":"words"}"#) == all(.slow(said("7"), scope: .credential)))
    }

    @Test(arguments: [("30", 30), ("Tue, 14 Nov 2023 22:13:50 GMT", 30)])
    func `Retry-After is kept`(text: String, seconds: Int) {
        let body = #"{"code":"81000001","msg":"words"}"#
        #expect(
            answers(200, body, retryAfter: text) == all(.retry(said("81000001"), after: .seconds(seconds))))
        #expect(
            answers(503, "", retryAfter: text)
                == all(.slow(VendorReply(code: "503"), scope: .credential, after: .seconds(seconds))))
    }

    @Test func `tokens in the vendor's words are hidden, also where the words are cut`() {
        let found = answers(200, #"{"code":"80100001","msg":"bad: tokenA1111,tokenC3333"}"#)
        #expect(found == all(.drop(VendorReply(code: "80100001", text: "bad: …1111,…3333"))))
        let long = String(repeating: "tokenB2222 ", count: 372) + "tokenA1111"
        let cut = answers(200, #"{"code":"80100001","msg":"\#(long)"}"#)
        #expect(cut.count == 3)
        for answer in cut {
            guard case .drop(let reply) = answer else {
                Issue.record("\(answer)")
                continue
            }
            #expect(reply.text.hasPrefix("…2222 …2222") && !reply.text.contains("token") && reply.text.count <= 256)
        }
    }

    @Test(arguments: [
        (200, #"{"code":"80200001"}"#, true), (200, #"{"code":80200003}"#, true), (401, "", true), (403, "{}", true),
        (401, #"{"code":"80300002"}"#, false), (200, #"{"code":"80000000"}"#, false), (500, "", false),
    ])
    func `only an ended access token is worth another login`(status: Int, body: String, expected: Bool) {
        #expect(HuaweiReply.isRefusedLogin(OutboundReply(status: status, body: Array(body.utf8))) == expected)
    }

    @Test(arguments: [
        (200, #"{"code":"80000000"}"#, true), (200, #"{"code":"80100016"}"#, true), (200, #"{"code":"1"}"#, false),
        (200, "<html>", false), (502, "<html>", true),
    ])
    func `what is not in the reference is noted`(status: Int, body: String, expected: Bool) {
        #expect(HuaweiReply(OutboundReply(status: status, body: Array(body.utf8))).isKnown == expected)
    }
}

import PushCore
import Testing

@testable import PushVendors

@Suite struct HONORReplyTests {
    private static let tokens = ["tokenA1111", "tokenB2222", "tokenC3333"].map { PushToken(vendor: .honor, token: $0) }

    private func answers(_ status: Int, _ body: String, retryAfter: String? = nil) -> [VendorAnswer] {
        let reply = OutboundReply(
            status: status, headers: retryAfter.map { ["retry-after": $0] } ?? [:], body: Array(body.utf8))
        return HONORReply(reply).answers(for: Self.tokens, now: exampleNow)
    }

    private func all(_ answer: VendorAnswer) -> [VendorAnswer] { Array(repeating: answer, count: 3) }

    private func said(_ code: String) -> VendorReply { VendorReply(code: code, text: "words") }

    @Test func `success needs a good result, and expired tokens come before it`() {
        #expect(
            answers(200, #"{"code":200,"message":"words","data":{"sendResult":true,"requestId":"r1"}}"#)
                == all(.sent(vendorID: "r1")))
        #expect(
            answers(200, #"{"code":"200","message":"words","data":{"sendResult":"true","requestId":5}}"#)
                == all(.sent(vendorID: "5")))
        let expired = #"{"code":200,"message":"words","data":{"sendResult":RESULT,"expireTokens":["tokenB2222"]}}"#
        #expect(
            answers(200, expired.replacing("RESULT", with: "true"))
                == [.sent(vendorID: nil), .dead(said("200")), .sent(vendorID: nil)])
        let refused = VendorAnswer.retry(said("200"), triesMax: 3)
        #expect(
            answers(200, expired.replacing("RESULT", with: "false")) == [refused, .dead(said("200")), refused])
    }

    @Test func `a success without a result is none that is known`() {
        #expect(answers(200, #"{"code":200,"message":"words"}"#) == all(.unknown(said("200"))))
        #expect(
            answers(200, #"{"code":200,"message":"words","data":{"sendResult":[]}}"#) == all(.unknown(said("200"))))
        #expect(
            answers(500, #"{"code":200,"message":"words","data":{"sendResult":true}}"#) == all(.retry(said("200"))))
    }

    @Test func `of a partial success the failed are tried once more and the expired are dead`() {
        let body =
            #"{"code":CODE,"message":"words","data":{"sendResult":true,"requestId":"r1","failTokens":["tokenA1111"],"expireTokens":["tokenB2222","other"]}}"#
        for code in ["80100000", #""80100000""#] {
            #expect(
                answers(200, body.replacing("CODE", with: code)) == [
                    .retry(said("80100000"), triesMax: 2), .dead(said("80100000")), .sent(vendorID: "r1"),
                ])
        }
        #expect(answers(200, #"{"code":80100000,"message":"words"}"#) == all(.unknown(said("80100000"))))
    }

    @Test(arguments: ["80200001", "80200003", "80300007", "80100001", "80100003", "80100009", "80100010", "1"])
    func `other codes are read as Huawei's`(code: String) throws {
        let expected: VendorAnswer =
            switch code {
            case "80200001", "80200003": .auth(said(code))
            case "80300007": .dead(said(code))
            case "80100001", "80100003", "80100009": .drop(said(code))
            default: .unknown(said(code))
            }
        let body = #"{"code":\#(code),"message":"words"}"#
        #expect(answers(200, body) == all(expected))
        #expect(HONORReply(OutboundReply(status: 200, body: Array(body.utf8))).isKnown == false)
        if case .unknown = expected { return }
        #expect(answers(400, body) == all(expected))
    }

    @Test(arguments: [
        (302, VendorAnswer.retry(VendorReply(code: "302"))), (400, .drop(VendorReply(code: "400"))),
        (401, .auth(VendorReply(code: "401"))), (403, .auth(VendorReply(code: "403"))),
        (404, .auth(VendorReply(code: "404"))), (413, .drop(VendorReply(code: "413"))),
        (429, .slow(VendorReply(code: "429"), scope: .credential)), (500, .retry(VendorReply(code: "500"))),
        (503, .retry(VendorReply(code: "503"))), (200, .unknown(VendorReply(code: "200"))),
    ])
    func `without a code the status decides`(status: Int, expected: VendorAnswer) {
        for body in ["", "<html>", "[]", #"{"code":{}}"#] { #expect(answers(status, body) == all(expected)) }
    }

    @Test(arguments: ["30", "Tue, 14 Nov 2023 22:13:50 GMT"])
    func `Retry-After is kept`(text: String) {
        #expect(
            answers(429, "", retryAfter: text)
                == all(.slow(VendorReply(code: "429"), scope: .credential, after: .seconds(30))))
        #expect(
            answers(503, "", retryAfter: text) == all(.retry(VendorReply(code: "503"), after: .seconds(30))))
    }

    @Test(arguments: [
        (401, "", true), (403, "{}", true), (200, #"{"code":80200001}"#, true), (200, #"{"code":"80200003"}"#, true),
        (401, #"{"code":80300007}"#, false), (200, #"{"code":200}"#, false), (500, "", false),
    ])
    func `only an ended access token is worth another login`(status: Int, body: String, expected: Bool) {
        #expect(HONORReply.isRefusedLogin(OutboundReply(status: status, body: Array(body.utf8))) == expected)
    }
}

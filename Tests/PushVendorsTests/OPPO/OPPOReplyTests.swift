import PushCore
import Testing

@testable import PushVendors

@Suite struct OPPOReplyTests {
    private static let tokens = ["OPPO_CN_aaaa1111", "OPPO_CN_bbbb2222", "OPPO_CN_cccc3333"].map {
        PushToken(vendor: .oppo, token: $0)
    }

    private func outcome(_ status: Int, _ body: String, count: Int = 3, retryAfter: String? = nil) -> BatchOutcome {
        let reply = OutboundReply(
            status: status, headers: retryAfter.map { ["retry-after": $0] } ?? [:], body: Array(body.utf8))
        return OPPOReply(reply).outcome(for: Array(Self.tokens.prefix(count)), now: exampleNow)
    }

    private func said(_ code: String) -> VendorReply { VendorReply(code: code, text: "words") }

    /// Every row of the reference: as a number and as a text, for one, for a batch and for an item of a batch.
    @Test(arguments: [
        ("retry", ["-1"]), ("slow", ["-2", "13", "55"]), ("day", ["33"]),
        ("auth", ["11", "29", "14", "15", "16", "17", "18", "19", "26", "27", "28", "30"]),
        (
            "drop",
            [
                "12", "20", "21", "22", "23", "24", "25", "31", "34", "40", "41", "51", "59", "67",
            ]
        ), ("sent", ["32"]), ("dead", ["10000"]), ("unknown", ["4711"]),
    ])
    func `each code has its meaning`(kind: String, codes: [String]) throws {
        for code in codes {
            let answers: [String: VendorAnswer] = [
                "retry": .retry(said(code)), "slow": .slow(said(code), scope: .credential),
                "day": .slow(said(code), scope: .messageClass, after: .seconds(17 * 3600 + 46 * 60 + 40)),
                "auth": .auth(said(code)), "drop": .drop(said(code)), "sent": .sent(vendorID: nil),
                "dead": .dead(said(code), mayBeMisconfiguration: true), "unknown": .unknown(said(code)),
            ]
            let answer = try #require(answers[kind])
            let body = #"{"code":\#(code),"message":"words"}"#
            #expect(outcome(200, body, count: 1) == .each([answer]))
            #expect(outcome(200, #"{"code":"\#(code)","message":"words"}"#, count: 1) == .each([answer]))
            if kind != "unknown" { #expect(outcome(400, body, count: 1) == .each([answer])) }
            let isOfOne = ["drop", "dead", "sent"].contains(kind)
            #expect(outcome(200, body) == (isOfOne ? .undivided(answer) : .each([answer, answer, answer])))
            let item =
                #"{"code":0,"data":[{"messageId":"1","registrationId":"OPPO_CN_aaaa1111","errorCode":\#(code),"errorMessage":"words"}]}"#
            #expect(outcome(200, item, count: 1) == .each([answer]))
            let uncertain = OPPOReply(OutboundReply(status: 200, body: Array(item.utf8))).uncertainCodes
            #expect(uncertain.isEmpty == !["20", "21", "22", "23", "24", "4711"].contains(code))
        }
    }

    @Test func `success has the message's id`() {
        #expect(outcome(200, #"{"code":0,"data":{"messageId":"m1"}}"#, count: 1) == .each([.sent(vendorID: "m1")]))
        #expect(outcome(200, #"{"code":"0"}"#, count: 1) == .each([.sent(vendorID: nil)]))
        #expect(outcome(500, #"{"code":0,"message":"words"}"#, count: 1) == .each([.retry(said("0"))]))
    }

    @Test func `each item of a batch answers for its device, in any order`() {
        let body =
            #"{"code":0,"data":[{"messageId":"3","registrationId":"OPPO_CN_cccc3333","errorCode":null},{"messageId":"1","registrationId":"OPPO_CN_aaaa1111"},{"registrationId":"OPPO_CN_bbbb2222","errorCode":"10000","errorMessage":"OPPO_CN_bbbb2222 is bad"}]}"#
        let dead = VendorAnswer.dead(
            VendorReply(code: "10000", text: "…2222 is bad"), mayBeMisconfiguration: true)
        #expect(outcome(200, body) == .each([.sent(vendorID: "1"), dead, .sent(vendorID: "3")]))
    }

    @Test func `a device that is in the batch twice has its results in order`() {
        let tokens = [Self.tokens[0], Self.tokens[1], Self.tokens[0]]
        let body =
            #"{"code":0,"data":[{"messageId":"1","registrationId":"OPPO_CN_aaaa1111"},{"messageId":"2","registrationId":"OPPO_CN_aaaa1111"},{"messageId":"3","registrationId":"OPPO_CN_bbbb2222"}]}"#
        let reply = OPPOReply(OutboundReply(status: 200, body: Array(body.utf8)))
        #expect(
            reply.outcome(for: tokens, now: exampleNow)
                == .each([.sent(vendorID: "1"), .sent(vendorID: "3"), .sent(vendorID: "2")]))
    }

    @Test func `without ids the places count, and a missing item is unknown`() {
        let sent: [VendorAnswer] = ["1", "2", "3"].map { .sent(vendorID: $0) }
        #expect(
            outcome(200, #"{"code":0,"data":[{"messageId":"1"},{"messageId":"2"},{"messageId":3}]}"#) == .each(sent))
        let missing = VendorAnswer.unknown(VendorReply(code: "0", text: "no result for this target"))
        #expect(
            outcome(200, #"{"code":0,"data":[{"messageId":"1","registrationId":"OPPO_CN_bbbb2222"},5]}"#)
                == .each([missing, .sent(vendorID: "1"), missing]))
        let none = VendorAnswer.unknown(VendorReply(code: "0", text: "no result for each target"))
        #expect(outcome(200, #"{"code":0,"data":{"messageId":"1"}}"#) == .each([none, none, none]))
    }

    @Test(arguments: [
        (302, VendorAnswer.retry(VendorReply(code: "302"))), (400, .drop(VendorReply(code: "400"))),
        (401, .auth(VendorReply(code: "401"))), (404, .auth(VendorReply(code: "404"))),
        (429, .slow(VendorReply(code: "429"), scope: .credential)), (503, .retry(VendorReply(code: "503"))),
        (200, .unknown(VendorReply(code: "200"))),
    ])
    func `without a code the status decides`(status: Int, expected: VendorAnswer) {
        for body in ["", "<html>", "[]", #"{"code":{}}"#] {
            #expect(outcome(status, body, count: 1) == .each([expected]))
        }
    }

    @Test(arguments: ["30", "Tue, 14 Nov 2023 22:13:50 GMT"])
    func `Retry-After is kept`(text: String) {
        let slow = VendorAnswer.slow(said("-2"), scope: .credential, after: .seconds(30))
        #expect(outcome(429, #"{"code":-2,"message":"words"}"#, count: 1, retryAfter: text) == .each([slow]))
    }

    @Test(arguments: [
        (200, #"{"code":11}"#, true), (200, #"{"code":"29"}"#, true), (401, "", true),
        (401, #"{"code":14}"#, false), (200, #"{"code":0}"#, false), (200, #"{"code":15}"#, false),
    ])
    func `only an ended access token is worth another login`(status: Int, body: String, expected: Bool) {
        #expect(OPPOReply.isRefusedLogin(OutboundReply(status: status, body: Array(body.utf8))) == expected)
    }
}

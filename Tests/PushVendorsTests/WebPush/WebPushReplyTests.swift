import NIOHTTP1
import PushCore
import Testing

@testable import PushVendors

@Suite struct WebPushReplyTests {
    enum Meaning: Sendable { case sent, drop, auth, dead, slow, retry }

    private func read(_ status: Int, _ body: String, headers: HTTPHeaders = [:]) throws -> WebPushReply {
        WebPushReply(
            OutboundReply(status: status, headers: headers, body: Array(body.utf8)),
            endpoint: try EndpointURL("https://push.example.net/wpush/v2/gAAAAABsecret"), now: exampleNow)
    }

    private func expected(_ meaning: Meaning, _ said: VendorReply, after: Duration? = nil) -> VendorAnswer {
        switch meaning {
        case .sent: .sent(vendorID: nil)
        case .drop: .drop(said)
        case .auth: .auth(said)
        case .dead: .dead(said)
        case .slow: .slow(said, scope: .device, after: after)
        case .retry: .retry(said, after: after)
        }
    }

    /// Every row of the table of statuses, and statuses that are in none.
    @Test(arguments: [
        (200, Meaning.sent), (201, .sent), (202, .sent), (204, .sent), (400, .drop), (401, .auth), (403, .auth),
        (404, .dead), (410, .dead), (413, .drop), (429, .slow), (500, .retry), (502, .retry), (503, .retry),
        (301, .retry), (408, .retry), (415, .drop), (507, .retry),
    ])
    func `each status has its meaning`(status: Int, meaning: Meaning) throws {
        for body in ["", "<html>", "[1]", "{"] {
            let read = try read(status, body)
            #expect(read.answer == expected(meaning, VendorReply(code: "\(status)", text: body)))
            #expect(read.isRefusedAuthorization == (meaning == .auth))
        }
    }

    /// Every row of Mozilla's errors, with its status and with one that says something else.
    @Test(arguments: [
        (101, 400, Meaning.drop), (110, 400, .drop), (102, 404, .dead), (103, 410, .dead), (106, 410, .dead),
        (104, 413, .drop), (105, 410, .dead), (108, 400, .dead), (109, 401, .auth), (111, 400, .drop),
        (112, 400, .drop), (113, 400, .drop), (201, 503, .retry), (202, 503, .retry), (900, 502, .retry),
        (901, 502, .retry), (902, 502, .retry), (903, 502, .retry), (999, 500, .retry),
    ])
    func `each errno has its meaning`(errno: Int, status: Int, meaning: Meaning) throws {
        let said = VendorReply(code: "\(errno)", text: "words")
        for status in [status, 418] {
            for number in ["\(errno)", "\"\(errno)\""] {
                let read = try read(
                    status, #"{"code":\#(status),"errno":\#(number),"error":"E","message":"words"}"#)
                #expect(read.answer == expected(meaning, said))
            }
        }
    }

    @Test(arguments: [(404, Meaning.dead), (503, .retry), (400, .drop)])
    func `an errno that nobody knows leaves it to the status`(status: Int, meaning: Meaning) throws {
        #expect(
            try read(status, #"{"errno":555}"#).answer
                == expected(meaning, VendorReply(code: "555", text: #"{"errno":555}"#)))
    }

    @Test(arguments: [("120", 120), ("Tue, 14 Nov 2023 22:15:20 GMT", 120)])
    func `Retry-After is passed on in both forms`(value: String, seconds: Int) throws {
        for (status, meaning) in [(503, Meaning.retry), (429, .slow)] {
            #expect(
                try read(status, "", headers: ["retry-after": value]).answer
                    == expected(meaning, VendorReply(code: "\(status)"), after: .seconds(seconds)))
        }
    }

    @Test func `the message's URL is the vendor's id`() throws {
        #expect(
            try read(201, "", headers: ["location": "https://push.example.net/m/1"]).answer
                == .sent(vendorID: "https://push.example.net/m/1"))
    }

    @Test func `the endpoint, or the end of it, is not repeated`() throws {
        let answer = try read(
            410, #"{"reason":"gone: https://push.example.net/wpush/v2/gAAAAABsecret, gAAAAABsecret"}"#
        )
        .answer
        #expect(answer == .dead(VendorReply(code: "410", text: "gone: …, …")))
    }
}

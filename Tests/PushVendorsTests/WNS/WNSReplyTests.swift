import NIOHTTP1
import PushCore
import Testing

@testable import PushVendors

@Suite struct WNSReplyTests {
    private static let token = PushToken(vendor: .wns, token: "https://db5p.notify.windows.com/?token=secret")

    private func answer(_ status: Int, _ headers: HTTPHeaders = [:], body: String = "") -> VendorAnswer {
        WNSReply.answer(
            to: OutboundReply(status: status, headers: headers, body: Array(body.utf8)), token: Self.token,
            now: exampleNow)
    }

    /// Every row of the table, and statuses that are in none.
    @Test(arguments: [
        (400, VendorAnswer.drop(VendorReply(code: "400"))), (401, .auth(VendorReply(code: "401"))),
        (403, .auth(VendorReply(code: "403"))), (404, .dead(VendorReply(code: "404"))),
        (405, .drop(VendorReply(code: "405"))), (406, .slow(VendorReply(code: "406"), scope: .credential)),
        (410, .dead(VendorReply(code: "410"))), (413, .drop(VendorReply(code: "413"))),
        (500, .retry(VendorReply(code: "500"))), (503, .retry(VendorReply(code: "503"))),
        (302, .retry(VendorReply(code: "302"))), (408, .retry(VendorReply(code: "408"))),
        (418, .drop(VendorReply(code: "418"))), (429, .slow(VendorReply(code: "429"), scope: .credential)),
        (502, .retry(VendorReply(code: "502"))),
    ])
    func `each status has its meaning`(status: Int, expected: VendorAnswer) {
        #expect(answer(status) == expected)
        #expect(answer(status, body: "<html>{") == expected)
    }

    @Test func `200 says in a header what became of it`() {
        #expect(answer(200, ["X-WNS-Status": "received", "X-WNS-Msg-ID": "77"]) == .sent(vendorID: "77"))
        #expect(answer(200, ["x-wns-status": "Received"]) == .sent(vendorID: nil))
        #expect(
            answer(200, ["x-wns-status": "dropped", "x-wns-deviceconnectionstatus": "disconnected"])
                == .drop(VendorReply(code: "dropped", text: "status: dropped; deviceconnectionstatus: disconnected")))
        #expect(
            answer(200, ["x-wns-status": "channelthrottled", "x-wns-continue-after": "90"])
                == .slow(
                    VendorReply(code: "channelthrottled", text: "status: channelthrottled"), scope: .device,
                    after: .seconds(90)))
    }

    @Test func `a 200 that is not of WNS is no answer`() {
        #expect(answer(200, body: "<html>") == .unknown(VendorReply(code: "200")))
        #expect(answer(204) == .unknown(VendorReply(code: "204")))
        #expect(
            answer(200, ["x-wns-status": "eaten"]) == .unknown(VendorReply(code: "eaten", text: "status: eaten")))
    }

    @Test func `the time to wait is passed on`() {
        let said = VendorReply(code: "406")
        let slow = VendorAnswer.slow(said, scope: .credential, after: .seconds(120))
        #expect(answer(406, ["x-wns-continue-after": "120"]) == slow)
        #expect(answer(406, ["retry-after": "Tue, 14 Nov 2023 22:15:20 GMT"]) == slow)
        #expect(answer(406, ["x-wns-continue-after": "120", "retry-after": "5"]) == slow)
        #expect(answer(503, ["retry-after": "7"]) == .retry(VendorReply(code: "503"), after: .seconds(7)))
    }

    @Test func `WNS's own words are kept, the channel is not`() {
        #expect(
            answer(400, ["x-wns-error-description": "bad \(Self.token.token)", "x-wns-debug-trace": "BN3"])
                == .drop(VendorReply(code: "400", text: "error-description: bad …cret; debug-trace: BN3")))
    }
}

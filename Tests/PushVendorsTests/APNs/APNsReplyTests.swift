import PushCore
import Testing

@testable import PushVendors

@Suite struct APNsReplyTests {
    private static let token = PushToken(vendor: .apns, token: "secrettoken1234")

    private func answer(_ status: Int, _ body: String, retryAfter: String? = nil) -> VendorAnswer {
        let reply = OutboundReply(
            status: status, headers: retryAfter.map { ["retry-after": $0] } ?? [:], body: Array(body.utf8))
        return APNsReply.answer(to: reply, token: Self.token, now: exampleNow)
    }

    @Test func `200 is sent, with Apple's id`() {
        let reply = OutboundReply(status: 200, headers: ["apns-id": "an-id"])
        #expect(APNsReply.answer(to: reply, token: Self.token, now: exampleNow) == .sent(vendorID: "an-id"))
    }

    enum Meaning: Sendable { case deadMaybe, dead, auth, drop, retry, slowDevice }

    /// Every row of the table in the reference.
    @Test(arguments: [
        (400, "BadDeviceToken", Meaning.deadMaybe), (400, "DeviceTokenNotForTopic", .deadMaybe),
        (400, "MissingDeviceToken", .drop), (400, "BadTopic", .auth), (400, "MissingTopic", .auth),
        (400, "TopicDisallowed", .auth), (400, "BadCollapseId", .drop), (400, "BadExpirationDate", .drop),
        (400, "BadMessageId", .drop), (400, "BadPriority", .drop), (400, "DuplicateHeaders", .drop),
        (400, "InvalidPushType", .drop), (400, "PayloadEmpty", .drop), (400, "IdleTimeout", .retry),
        (403, "ExpiredProviderToken", .auth), (403, "InvalidProviderToken", .auth),
        (403, "MissingProviderToken", .auth), (403, "BadCertificate", .auth),
        (403, "BadCertificateEnvironment", .auth), (403, "Forbidden", .auth), (403, "UnrelatedKeyIdInToken", .auth),
        (403, "BadEnvironmentKeyIdInToken", .auth), (404, "BadPath", .drop), (405, "MethodNotAllowed", .drop),
        (410, "Unregistered", .dead), (410, "ExpiredToken", .dead), (413, "PayloadTooLarge", .drop),
        (429, "TooManyRequests", .slowDevice), (429, "TooManyProviderTokenUpdates", .auth),
        (500, "InternalServerError", .retry), (503, "ServiceUnavailable", .retry), (503, "Shutdown", .retry),
        (400, "SomethingNew", .drop), (403, "SomethingNew", .auth), (410, "SomethingNew", .dead),
        (500, "SomethingNew", .retry), (404, "SomethingNew", .auth),
    ])
    func `each reason has its meaning`(status: Int, reason: String, meaning: Meaning) {
        let said = VendorReply(code: reason)
        let expected: VendorAnswer =
            switch meaning {
            case .deadMaybe: .dead(said, mayBeMisconfiguration: true)
            case .dead: .dead(said)
            case .auth: .auth(said)
            case .drop: .drop(said)
            case .retry: .retry(said)
            case .slowDevice: .slow(said, scope: .device)
            }
        #expect(answer(status, #"{"reason":"\#(reason)"}"#) == expected)
    }

    @Test func `410 says since when`() {
        #expect(
            answer(410, #"{"reason":"Unregistered","timestamp":1699999999123}"#)
                == .dead(VendorReply(code: "Unregistered"), since: 1_699_999_999_123))
    }

    @Test func `200 is Apple's only with its id or without a body`() {
        #expect(answer(200, "") == .sent(vendorID: nil))
        guard case .unknown = answer(200, "<html>") else {
            Issue.record("\(answer(200, "<html>"))")
            return
        }
    }

    @Test(arguments: [
        (302, VendorAnswer.retry(VendorReply(code: "302"))),
        (400, .drop(VendorReply(code: "400"))), (401, .auth(VendorReply(code: "401"))),
        (403, .auth(VendorReply(code: "403"))), (404, .auth(VendorReply(code: "404"))),
        (408, .retry(VendorReply(code: "408"))), (410, .dead(VendorReply(code: "410"))),
        (413, .drop(VendorReply(code: "413"))),
        (429, .slow(VendorReply(code: "429"), scope: .credential)), (500, .retry(VendorReply(code: "500"))),
        (502, .retry(VendorReply(code: "502"))),
    ])
    func `without a reason the status decides`(status: Int, expected: VendorAnswer) {
        #expect(answer(status, "<html>") == expected)
    }

    @Test func `Retry-After is passed on`() {
        let said = VendorReply(code: "ServiceUnavailable")
        #expect(answer(503, #"{"reason":"ServiceUnavailable"}"#, retryAfter: "7") == .retry(said, after: .seconds(7)))
        let many = VendorReply(code: "TooManyRequests")
        #expect(
            answer(429, #"{"reason":"TooManyRequests"}"#, retryAfter: "9")
                == .slow(many, scope: .device, after: .seconds(9)))
    }

    @Test func `a token in an answer is not repeated`() {
        #expect(answer(400, #"{"reason":"no secrettoken1234"}"#) == .drop(VendorReply(code: "no …1234")))
    }
}

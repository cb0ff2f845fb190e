import PushCore
import Testing

@testable import PushVendors

@Suite struct FCMReplyTests {
    private static let token = PushToken(vendor: .fcm, token: "secrettoken1234")

    private func answer(_ status: Int, _ body: String, retryAfter: String? = nil) -> VendorAnswer {
        let reply = OutboundReply(
            status: status, headers: retryAfter.map { ["retry-after": $0] } ?? [:], body: Array(body.utf8))
        return FCMReply.answer(to: reply, token: Self.token, now: exampleNow)
    }

    private func body(_ canonical: String, _ code: String?, message: String = "words", more: String = "") -> String {
        let fcm = code.map { #"{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"\#($0)"}"# }
        let details = [fcm, more.isEmpty ? nil : more].compactMap { $0 }.joined(separator: ",")
        return #"{"error":{"code":0,"message":"\#(message)","status":"\#(canonical)","details":[\#(details)]}}"#
    }

    @Test func `200 is sent, with the message's name`() {
        #expect(answer(200, #"{"name":"projects/p/messages/1"}"#) == .sent(vendorID: "projects/p/messages/1"))
        for body in ["", "{}", "<html>", #"{"name":""}"#, #"{"name":5}"#] {
            #expect(
                answer(200, body) == .unknown(VendorReply(code: "200", text: "The answer names no message.")))
        }
    }

    enum Meaning: Sendable { case dead, deadMaybe, drop, slow, retry, fewTries, auth }

    /// Every row of the table in the reference: HTTP, errorCode, canonical, class.
    @Test(
        arguments: [
            (404, "UNREGISTERED", "NOT_FOUND", .dead),
            (400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", .drop),
            (403, "SENDER_ID_MISMATCH", "PERMISSION_DENIED", .deadMaybe),
            (429, "QUOTA_EXCEEDED", "RESOURCE_EXHAUSTED", .slow),
            (503, "UNAVAILABLE", "UNAVAILABLE", .retry),
            (500, "INTERNAL", "INTERNAL", .retry),
            (401, "THIRD_PARTY_AUTH_ERROR", "UNAUTHENTICATED", .auth),
            (401, nil, "UNAUTHENTICATED", .auth),
            (403, nil, "PERMISSION_DENIED", .auth),
            (400, "UNSPECIFIED_ERROR", "UNKNOWN", .fewTries),
            (500, "UNSPECIFIED_ERROR", "UNKNOWN", .fewTries),
            (404, nil, "NOT_FOUND", .auth),
            // What is not in it goes by the status.
            (400, "SOMETHING_NEW", "INVALID_ARGUMENT", .drop),
            (403, "SOMETHING_NEW", "PERMISSION_DENIED", .auth),
            (429, nil, "RESOURCE_EXHAUSTED", .slow),
            (503, nil, "UNAVAILABLE", .retry),
        ] as [(Int, String?, String, Meaning)])
    func `each error code has its meaning`(status: Int, code: String?, canonical: String, meaning: Meaning) {
        let said = VendorReply(code: code ?? canonical, text: "words")
        let expected: VendorAnswer =
            switch meaning {
            case .dead: .dead(said)
            case .deadMaybe: .dead(said, mayBeMisconfiguration: true)
            case .drop: .drop(said)
            case .slow: .slow(said, scope: .credential, after: .seconds(60))
            case .retry: .retry(said)
            case .fewTries: .retry(said, triesMax: 4)
            case .auth: .auth(said)
            }
        #expect(answer(status, body(canonical, code)) == expected)
    }

    @Test func `an invalid argument is a dead token only when it is about the token`() {
        let text = "The registration token is not a valid FCM registration token"
        let dead = VendorAnswer.dead(
            VendorReply(code: "INVALID_ARGUMENT", text: text), mayBeMisconfiguration: true)
        #expect(answer(400, body("INVALID_ARGUMENT", "INVALID_ARGUMENT", message: text)) == dead)
        #expect(answer(400, body("INVALID_ARGUMENT", nil, message: text)) == dead)
        let field =
            #"{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"message.token"}]}"#
        #expect(
            answer(400, body("INVALID_ARGUMENT", "INVALID_ARGUMENT", more: field))
                == .dead(VendorReply(code: "INVALID_ARGUMENT", text: "words"), mayBeMisconfiguration: true))
        let other = field.replacing("message.token", with: "message.android.ttl")
        #expect(
            answer(400, body("INVALID_ARGUMENT", "INVALID_ARGUMENT", more: other))
                == .drop(VendorReply(code: "INVALID_ARGUMENT", text: "words")))
    }

    @Test func `a used-up quota names its bucket and waits as told`() {
        let device =
            #"{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"subject":"device:x","description":"Device message rate exceeded"}]}"#
        #expect(
            answer(429, body("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", more: device), retryAfter: "5")
                == .slow(VendorReply(code: "QUOTA_EXCEEDED", text: "words"), scope: .device, after: .seconds(5)))
        #expect(
            answer(503, body("UNAVAILABLE", "UNAVAILABLE"), retryAfter: "Tue, 14 Nov 2023 22:13:50 GMT")
                == .retry(VendorReply(code: "UNAVAILABLE", text: "words"), after: .seconds(30)))
    }

    @Test(arguments: [
        (302, VendorAnswer.retry(VendorReply(code: "302"))), (400, .drop(VendorReply(code: "400"))),
        (401, .auth(VendorReply(code: "401"))), (413, .drop(VendorReply(code: "413"))),
        (429, .slow(VendorReply(code: "429"), scope: .credential, after: .seconds(60))),
        (502, .retry(VendorReply(code: "502"))),
    ])
    func `without a body the status decides`(status: Int, expected: VendorAnswer) {
        #expect(answer(status, "<html>") == expected)
    }

    @Test func `a token in an answer is not repeated`() {
        #expect(
            answer(404, body("NOT_FOUND", "UNREGISTERED", message: "secrettoken1234 is gone"))
                == .dead(VendorReply(code: "UNREGISTERED", text: "…1234 is gone")))
    }
}

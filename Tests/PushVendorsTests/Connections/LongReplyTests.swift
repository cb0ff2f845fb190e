import NIOCore
import PushCore
import Testing

@testable import PushVendors

/// Answers that name all of a full batch are read to their end, and others are not read without end.
@Suite struct LongReplyTests {
    /// As long as the longest of the phone makers' ids.
    private static let tokens = (0..<1000).map { number in
        "OPPO_CN_" + String(repeating: "a1b2c3d4", count: 17) + String(10_000 + number)
    }

    @Test func `OPPO answers for each of a thousand`() async throws {
        try await withVendor(.oppo, #"{"appKey":"key1","masterSecret":"master1"}"#) { request in
            if request.path == "/server/v1/auth" {
                return .answer(200, body: #"{"code":0,"data":{"auth_token":"t1"}}"#)
            }
            let items = Self.tokens.enumerated().map { number, token in
                number % 2 == 0
                    ? #"{"messageId":"5b8f1c0e9d2a4f6b8c7d\#(number)","registrationId":"\#(token)"}"#
                    : #"{"errorCode":10000,"errorMessage":"Invalid RegistrationId","registrationId":"\#(token)"}"#
            }
            return .answer(200, body: #"{"code":0,"message":"Success","data":[\#(items.joined(separator: ","))]}"#)
        } _: { sender, server in
            let batch = Self.tokens.map { push(.oppo, token: $0) }
            let answers: [VendorAnswer] = await sender.send(batch)
            let said = VendorReply(code: "10000", text: "Invalid RegistrationId")
            #expect(answers.count == 1000 && server.requests.count == 2)
            for (number, answer) in answers.enumerated() {
                let expected: VendorAnswer =
                    number % 2 == 0
                    ? .sent(vendorID: "5b8f1c0e9d2a4f6b8c7d\(number)") : .dead(said, mayBeMisconfiguration: true)
                if answer != expected { Issue.record("\(number): \(answer)") }
            }
        }
    }

    @Test func `Huawei lists the illegal of a thousand`() async throws {
        try await withVendor(.huawei, #"{"projectId":"p1","clientId":"1","clientSecret":"s"}"#) { request in
            if request.path == "/oauth2/v3/token" { return oauthLogin(1) }
            let list = Self.tokens.dropFirst().map { #"\"\#($0)\""# }.joined(separator: ",")
            return .answer(
                200,
                body: #"{"code":"80100000","msg":"{\"success\":1,\"failure\":999,\"illegal_tokens\":[\#(list)]}"}"#)
        } _: { sender, _ in
            let answers: [VendorAnswer] = await sender.send(Self.tokens.map { push(.huawei, token: $0) })
            let dead = answers.dropFirst().allSatisfy { if case .dead(_, nil, false) = $0 { true } else { false } }
            #expect(answers.count == 1000 && answers.first == .sent(vendorID: nil) && dead)
        }
    }

    @Test(arguments: [
        (OutboundClient.Trust.tenant, 65_536, 65_536), (.tenant, 200_000, 200_000), (.tenant, 9_000_000, 1_048_576),
        (.vendor, 65_536, 1_048_576),
    ])
    func `an answer is read as far as its URL is trusted, or the request expects`(
        trust: OutboundClient.Trust, expected: Int, read: Int
    ) async throws {
        let body = String(repeating: "x", count: 1_500_000)
        let server = try await StubServer.start { _ in .answer(200, body: body) }
        let client = OutboundClient(
            origin: try EndpointURL("http://127.0.0.1:\(server.port)"), trust: trust, connectionsMax: 1,
            settings: try connections())
        let request = OutboundRequest(
            url: "http://127.0.0.1:\(server.port)/", headers: [:], body: [], replyBytesMax: expected)
        let reply = try await client.send(request, deadline: .now() + .seconds(10)).get()
        #expect(reply.body.count == read)
        await client.shutdown()
        await server.stop()
    }
}

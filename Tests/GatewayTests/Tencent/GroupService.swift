import AsyncHTTPClient
import Foundation
import NIOCore
import PushGateClient
import Testing

/// A server that has spoken to Tencent's IM so far, about its groups.
struct GroupService {
    let story: Story
    private let sdkAppID: Int64
    private let userSig: String

    init(_ story: Story) throws {
        self.story = story
        sdkAppID = try #require(story.appInfo.json["sdkAppId"]?.integer)
        userSig = try Signatures.userSig(sdkAppID: sdkAppID, key: story.appInfo.signingKey, user: "administrator")
    }

    /// The answer, whatever it says. It has the envelope and status 200 always.
    func call(_ command: String, _ body: JSONValue) async throws -> JSONValue {
        var request = HTTPClientRequest(
            url: story.gateway.baseURL
                + "/v4/group_open_http_svc/\(command)?sdkappid=\(sdkAppID)&identifier=administrator&usersig=\(userSig)"
                + "&random=99999999&contenttype=json")
        request.method = .POST
        request.body = .bytes(ByteBuffer(bytes: body.bytes))
        let response = try await story.client.execute(request, timeout: .seconds(20))
        #expect(response.status.code == 200)
        let answer = try JSONValue(
            parsing: Array((try await response.body.collect(upTo: 1 << 24)).readableBytesView))
        let code = try #require(answer["ErrorCode"]?.integer)
        #expect(answer["ActionStatus"]?.string == (code == 0 ? "OK" : "FAIL") && answer["ErrorInfo"]?.string != nil)
        return answer
    }

    /// The answer of a call that has to succeed.
    @discardableResult
    func run(
        _ command: String, _ body: JSONValue, at location: SourceLocation = #_sourceLocation
    ) async throws -> JSONValue {
        let answer = try await call(command, body)
        #expect(answer["ErrorCode"] == 0, "\(command): \(answer)", sourceLocation: location)
        return answer
    }

    /// The code of a call's refusal.
    func code(_ command: String, _ body: JSONValue) async throws -> Int64? {
        try await call(command, body)["ErrorCode"]?.integer
    }

    // MARK: Bodies

    static func text(_ text: String) -> JSONValue {
        [["MsgType": "TIMTextElem", "MsgContent": ["Text": .string(text)]]]
    }

    /// Sends a text; its `MsgSeq`.
    @discardableResult
    func send(
        _ text: String, to group: String, random: Int64, _ more: JSONValue = [:],
        at location: SourceLocation = #_sourceLocation
    ) async throws -> Int64? {
        let body: JSONValue = ["GroupId": .string(group), "Random": JSONValue(random), "MsgBody": Self.text(text)]
        let answer = try await run(
            "send_group_msg", .object((body.members ?? []) + (more.members ?? [])), at: location)
        #expect(answer["MsgTime"]?.integer ?? 0 > 1_600_000_000, sourceLocation: location)
        return answer["MsgSeq"]?.integer
    }

    /// A page of the history: newest first.
    func page(_ group: String, _ count: Int64, from seq: Int64? = nil) async throws -> JSONValue {
        try await run(
            "group_msg_get_simple",
            .object([
                "GroupId": .string(group), "ReqMsgNumber": JSONValue(count), "ReqMsgSeq": seq.map { JSONValue($0) },
            ])
        )
    }
}

extension JSONValue {
    /// One member of each object in a list.
    subscript(each list: String, _ name: String) -> [JSONValue] {
        (self[list]?.array ?? []).compactMap { $0[name] }
    }
}

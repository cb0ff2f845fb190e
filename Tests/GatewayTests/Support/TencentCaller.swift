import AsyncHTTPClient
import Foundation
import NIOCore
import PushGateClient
import Testing

/// A tenant's server with an SDK of Tencent's IM.
struct TencentCaller: Sendable {
    struct Refused: Error, CustomStringConvertible {
        let command: String
        let answer: JSONValue
        var code: Int64? { answer["ErrorCode"]?.integer }
        var description: String { "\(command): \(answer)" }
    }

    let baseURL: String
    let client: HTTPClient
    let sdkAppID: Int64
    let userSig: String
    let identifier: String

    init(_ story: Story, identifier: String = "administrator") throws {
        baseURL = story.gateway.baseURL
        client = story.client
        sdkAppID = try #require(story.appInfo.json["sdkAppId"]?.integer)
        self.identifier = identifier
        userSig = try Signatures.userSig(sdkAppID: sdkAppID, key: story.appInfo.signingKey, user: identifier)
    }

    /// The answer's bytes and what they say, whatever that is.
    func answer(_ command: String, _ body: String) async throws -> (json: JSONValue, text: String) {
        let random = UInt32.random(in: 0 ... .max)
        var request = HTTPClientRequest(
            url: "\(baseURL)/v4/\(command)?sdkappid=\(sdkAppID)&identifier=\(identifier)&usersig=\(userSig)"
                + "&random=\(random)&contenttype=json")
        request.method = .POST
        request.body = .bytes(ByteBuffer(string: body))
        let response = try await client.execute(request, timeout: .seconds(30))
        let bytes = Array((try await response.body.collect(upTo: 1 << 24)).readableBytesView)
        #expect(response.status == .ok)
        return (try JSONValue(parsing: bytes), String(decoding: bytes, as: UTF8.self))
    }

    /// Throws ``Refused`` unless the command was done.
    @discardableResult
    func callAsFunction(_ command: String, _ body: JSONValue) async throws -> JSONValue {
        let answer = try await answer(command, body.description).json
        guard answer["ActionStatus"]?.string == "OK", answer["ErrorCode"]?.integer == 0 else {
            throw Refused(command: command, answer: answer)
        }
        return answer
    }

    /// The code with which a command is refused; 0 when it is not.
    func code(_ command: String, _ body: JSONValue) async throws -> Int64 {
        do {
            try await self(command, body)
            return 0
        } catch let refused as Refused {
            return refused.code ?? -1
        }
    }

    // MARK: Messages

    static func text(_ text: String) -> JSONValue {
        [["MsgType": "TIMTextElem", "MsgContent": ["Text": .string(text)]]]
    }

    /// `sendmsg` of a text; `more` comes last.
    @discardableResult
    func send(
        _ text: String, from: String?, to: String, random: Int64, _ more: KeyValuePairs<String, JSONValue> = [:]
    ) async throws -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("To_Account", .string(to)), .init("MsgRandom", JSONValue(random)),
            .init("MsgBody", Self.text(text)),
        ]
        if let from { members.append(.init("From_Account", .string(from))) }
        members += more.map { .init($0, $1) }
        return try await self("openim/sendmsg", .object(members))
    }

    /// A conversation from its newest message down, page by page as the SDKs do. In the order of time.
    func history(
        of reader: String, with peer: String, pageSize: Int64, from: Int64 = 0, to: Int64 = 4_000_000_000
    ) async throws -> [JSONValue] {
        var found: [JSONValue] = []
        var (to, key) = (to, "")
        for _ in 0..<10_000 {
            let page = try await self(
                "openim/admin_getroammsg",
                [
                    "Operator_Account": .string(reader), "Peer_Account": .string(peer), "MaxCnt": JSONValue(pageSize),
                    "MinTime": JSONValue(from), "MaxTime": JSONValue(to), "LastMsgKey": .string(key),
                ])
            let list = try #require(page["MsgList"]?.array)
            #expect(page["MsgCnt"]?.integer == Int64(list.count) && list.count <= pageSize)
            found = list + found
            if page["Complete"]?.integer == 1 { return found }
            #expect(!list.isEmpty && list.first?["MsgKey"] == page["LastMsgKey"])
            to = try #require(page["LastMsgTime"]?.integer)
            key = try #require(page["LastMsgKey"]?.string)
        }
        Issue.record("the history has no end")
        return found
    }
}

extension JSONValue {
    /// The text of the only element of a message in a history.
    var tencentText: String? { self["MsgBody"]?.array?.first?["MsgContent"]?["Text"]?.string }
}

import Foundation
import PushGateClient
import TestWaiting
import Testing

extension GatewayStories {
    @Suite struct RefusalStories {
        @Test func `bad requests are refused with a problem and the gateway lives on`() async throws {
            try await withStory { story in
                let ann = try await story.register("ann")
                let token = ann.credential.value
                let me = ann.account
                let bodies: [(body: String, status: Int, code: String)] = [
                    ("{", 400, "invalid_request"),
                    ("[]", 400, "invalid_request"),
                    (#"{"id":"a","to":"\#(me)","type":"WHATEVER","content":{}}"#, 400, "invalid_request"),
                    (#"{"id":"a","to":"\#(me)","type":0,"content":{"text":7},"timestamp":1}"#, 400, "invalid_request"),
                    (#"{"id":"a","to":"\#(me)","type":0,"content":[],"timestamp":1}"#, 400, "invalid_request"),
                    (#"{"id":"a","id":"b","to":"\#(me)","type":0,"content":{"text":"x"}}"#, 400, "invalid_request"),
                    (#"{"id":"a b","to":"\#(me)","type":0,"content":{"text":"x"}}"#, 400, "invalid_request"),
                    (#"{"to":"\#(me)","type":0,"content":{"text":"x"}}"#, 400, "invalid_request"),
                    (#"{"id":"a","to":"\#(me)","type":256,"content":{}}"#, 400, "invalid_request"),
                    (#"{"id":"a","to":"\#(me)","type":0,"ttl":0,"content":{"text":"x"}}"#, 400, "invalid_request"),
                    (#"{"id":"a","to":"\#(me)","type":0,"content":{"text":"\ud800"}}"#, 400, "invalid_request"),
                    (#"{"id":"a","to":"acct_nobody","type":0,"content":{"text":"x"}}"#, 404, "recipient_not_found"),
                    (#"{"id":"a","from":"acct_x","to":"\#(me)","type":0,"content":{"text":"x"}}"#, 403, "forbidden"),
                    (
                        #"{"id":"a","to":"\#(me)","type":9,"content":"# + String(repeating: "[", count: 20_000), 400,
                        "invalid_request"
                    ),
                    (
                        #"{"id":"a","to":"\#(me)","type":0,"content":{"text":"\#(String(repeating: "x", count: 33_000))"}}"#,
                        413, "too_large"
                    ),
                    (String(repeating: " ", count: 1_100_000) + "{}", 413, "too_large"),
                ]
                for (body, status, code) in bodies {
                    let answer = try await story.raw("POST", "/v1/messages", body: body, token: token)
                    #expect(
                        answer.status == status && answer.json["code"]?.string == code, "\(body.prefix(120)) \(answer)")
                    #expect(answer.contentType == "application/problem+json")
                    #expect(answer.json["requestId"]?.string?.isEmpty == false)
                }
                let text = try await story.raw(
                    "POST", "/v1/messages", body: "{}", token: token, contentType: "text/plain")
                #expect(text.status == 415)
                #expect(try await story.raw("PUT", "/v1/messages", body: "{}", token: token).status == 405)
                #expect(try await story.raw("GET", "/v1/nothing", token: token).status == 404)
                #expect(try await story.raw("GET", "/v1/devices/me").status == 401)
                #expect(try await story.raw("GET", "/v1/messages/sync?after=-1", token: token).status == 400)
                #expect(try await story.raw("GET", "/v1/messages/sync?limit=501", token: token).status == 400)
                // None of it is left behind, and the id is free.
                #expect(try await !story.api(ann).send(OutgoingMessage(id: "a", to: me, text: "x")).isDuplicate)
                #expect(try await story.api(ann).sync(after: 0).head == 1)
            }
        }

        @Test func `garbage on a request topic gets an error reply`() async throws {
            try await withStory { story in
                let ann = try await story.register("ann")
                let client = try PlainClient(ann)
                #expect(try await client.admission() == nil)
                #expect(try await client.session.subscribe([ann.topics.reply]) == [1])
                let garbage: [[UInt8]] = [
                    Array("garbage{".utf8), [0xFF, 0xFE, 0x00], Array("[1]".utf8), Array("\"text\"".utf8),
                    Array(#"{"requestId":{}}"#.utf8), Array(String(repeating: "[", count: 30_000).utf8),
                ]
                for (number, payload) in garbage.enumerated() {
                    try await client.session.publish(topic: "\(ann.topics.up)/send", payload: payload)
                    try await eventually("reply \(number)") { client.messages.count == number + 1 }
                    let reply = try JSONValue(parsing: client.messages[number].payload)
                    #expect(reply["ok"] == false && reply["op"]?.string == "send")
                    #expect(reply["error"]?["code"]?.string == "invalid_request")
                }
                let unknown = try await client.request("dance", of: ann)
                #expect(unknown["error"]?["code"]?.string == "invalid_request")
                let missing = try await client.request("send", of: ann, ["to": "x"])
                #expect(missing["error"]?["code"]?.string == "invalid_request")
                let good = try await client.request(
                    "send", of: ann,
                    ["id": "m", "to": .string(ann.account), "type": 0, "content": ["text": "still here"]])
                #expect(good["ok"] == true)
                await client.end()
            }
        }

        @Test func `a device gets at nothing but its own topics`() async throws {
            try await withStory { story in
                let ann = try await story.register("ann")
                let bob = try await story.device("bob")
                let client = try PlainClient(ann)
                #expect(try await client.admission() == nil)
                let own = [ann.topics.inbox, ann.topics.reply, ann.topics.broadcast]
                #expect(try await client.session.subscribe(own) == [1, 1, 1])
                let foreign = [
                    "#", "+/+", "account/+", "account/#", "$SYS/#", "presence/#", "$CONTROL/pushgate/v1", "up/#",
                    bob.session.topics.inbox, bob.session.topics.reply, "\(bob.session.topics.up)/send",
                    "tenant/other/broadcast", "$share/g/\(ann.topics.inbox)", "\(ann.topics.inbox)/#",
                ]
                for filter in foreign {
                    let granted = try await client.session.subscribe([filter])
                    #expect(granted.allSatisfy { $0 >= 128 }, "\(filter)")
                }
                let payload = Array(#"{"id":"forged","seq":1}"#.utf8)
                let targets = [
                    ann.topics.inbox, ann.topics.reply, bob.session.topics.inbox, bob.session.topics.reply,
                    "\(bob.session.topics.up)/send", "\(ann.topics.up)/send/more", "\(ann.topics.up)",
                    ann.topics.broadcast,
                    "presence/x", "$CONTROL/pushgate/v1", "anything",
                ]
                for topic in targets {
                    let reason = try await client.session.publish(topic: topic, payload: payload)
                    #expect(reason >= 128, "\(topic)")
                }
                await client.end()
                // A retained request and one of an older client, which is not told, do not arrive either.
                let old = try PlainClient(ann, version: .v311)
                #expect(try await old.admission() == nil)
                try await old.session.publish(topic: bob.session.topics.inbox, payload: payload)
                await old.end()
                try await story.app.send(OutgoingMessage(id: "real", to: "user:bob", text: "hi"))
                _ = try await bob.entry("real")
                #expect(bob.ids == ["real"] && bob.client.counters.unreadable == 0)
            }
        }

        @Test func `an MQTT 5 client may correlate a reply, and have it on its own topic only`() async throws {
            try await withStory { story in
                let ann = try await story.register("ann")
                let bob = try await story.register("bob")
                let client = try PlainClient(ann)
                #expect(try await client.admission() == nil)
                #expect(try await client.session.subscribe([ann.topics.reply]) == [1])
                func ask(_ topic: String?, _ data: [UInt8]) async throws -> JSONValue {
                    try await client.session.publish(
                        topic: "\(ann.topics.up)/sync", payload: Array("{}".utf8),
                        properties: .init(responseTopic: topic, correlationData: data))
                    return try await eventually("the reply to \(data)") {
                        try client.messages.first { $0.properties.correlationData == data }
                            .map { try JSONValue(parsing: $0.payload) }
                    }
                }
                let reply = try await ask(ann.topics.reply, [0, 1, 255])
                #expect(reply["ok"] == true && reply["requestId"] == nil)
                #expect(reply["result"]?["items"]?.array == [])
                #expect(try await ask(nil, [2])["ok"] == true)
                let foreign = try await ask(bob.topics.inbox, [3])
                #expect(foreign["ok"] == false && foreign["error"]?["code"]?.string == "invalid_request")
                await client.end()
            }
        }
    }
}

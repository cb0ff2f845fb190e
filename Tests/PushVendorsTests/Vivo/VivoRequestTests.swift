import PushCore
import Testing

@testable import PushVendors

@Suite struct VivoRequestTests {
    private func settings(_ more: String = "") throws -> VivoSettings {
        try VivoSettings(
            reading: json(#"{"appId":10004,"appKey":" key-1 ","appSecret":"secret-1"\#(more)}"#),
            policy: EndpointPolicy(allowsPrivate: false))
    }

    private func single(
        _ more: String = "", receiptURL: String? = nil, _ change: (inout VendorPush) -> Void = { _ in }
    ) throws -> RawJSON {
        let request = VivoRequest(push(.vivo, change), settings: try settings(more), receiptURL: receiptURL)
        return try RawJSON(parsing: request.single)
    }

    @Test func `a plain push`() throws {
        let notifyID = StableIdentifier.notifyID(of: push(.vivo))
        let requestID = StableIdentifier.hexText(of: push(.vivo))
        #expect(
            try single().text
                == #"{"appId":10004,"regId":"abcdef0123456789","title":"Title","content":"Body","notifyType":4,"#
                + #""timeToLive":3600,"skipType":1,"networkType":-1,"classification":1,"#
                + #""clientCustomMap":{"messageId":"m-1"},"requestId":"\#(requestID)","pushMode":0,"#
                + #""notifyId":\#(notifyID)}"#)
    }

    @Test func `everything a sender can say`() throws {
        let data = try json(#"{"a":"x","b":{"c":[1]},"messageId":"forged"}"#)
        let made = try single(receiptURL: "https://gate.example.com/v1/receipts/vivo/acme/s") {
            $0.data = data
            $0.category = "im"
            $0.sound = ""
            $0.action = .init(kind: .url, value: "https://example.com/")
        }.object
        #expect(made?["clientCustomMap"]?.text == #"{"messageId":"m-1","a":"x","b":"{\"c\":[1]}"}"#)
        #expect(made?["category"]?.string == "IM")
        #expect(made?["notifyType"]?.integer == 1)
        #expect(made?["skipType"]?.integer == 2)
        #expect(made?["skipContent"]?.string == "https://example.com/")
        #expect(
            made?["extra"]?.text
                == #"{"callback":"https://gate.example.com/v1/receipts/vivo/acme/s","callback.param":"m-1"}"#)
    }

    @Test(arguments: [
        (VendorPush.ClickAction.Kind.app, 1), (.url, 2), (.page, 4), (.intent, 4),
    ])
    func `each tap has its form`(kind: VendorPush.ClickAction.Kind, skipType: Int) throws {
        let made = try single { $0.action = .init(kind: kind, value: "v") }.object
        #expect(made?["skipType"]?.integer == Int64(skipType))
        #expect(made?["skipContent"]?.string == (kind == .app ? nil : "v"))
        let long = try single { $0.action = .init(kind: kind, value: String(repeating: "v", count: 1025)) }.object
        #expect(long?["skipType"]?.integer == 1 && long?["skipContent"] == nil)
    }

    @Test(arguments: [(0, 60, true), (1, 60, false), (61, 61, false), (86_400, 86_400, false), (90_000, 86_400, false)])
    func `a life is within vivo's limits, and none is one try`(seconds: Int, expected: Int, isOnline: Bool) throws {
        let made = try single { $0.timeToLiveSeconds = seconds }.object
        #expect(made?["timeToLive"]?.integer == Int64(expected))
        #expect(made?["sendOnline"]?.bool == (isOnline ? true : nil))
    }

    @Test func `a longer contract allows a longer life`() throws {
        let made = try single(#","timeToLiveMax":604800"#) { $0.timeToLiveSeconds = 9_000_000 }.object
        #expect(made?["timeToLive"]?.integer == 604_800)
    }

    @Test func `a subclass goes with its class only`() throws {
        let more = #","category":"ORDER","marketingCategory":"NEWS""#
        let system = try single(more).object
        #expect(system?["classification"]?.integer == 1 && system?["category"]?.string == "ORDER")
        let marketing = try single(more) { $0.messageClass = .marketing }.object
        #expect(marketing?["classification"]?.integer == 0 && marketing?["category"]?.string == "NEWS")
        #expect(try single(#","category":"ORDER""#) { $0.messageClass = .marketing }.object?["category"] == nil)
    }

    @Test func `texts and data are within their limits`() throws {
        let big = try json(#"{"k":"\#(String(repeating: "d", count: 1024))"}"#)
        let made = try single(receiptURL: String(repeating: "u", count: 129)) {
            $0.title = String(repeating: "题", count: 41)
            $0.body = String(repeating: "👍", count: 51)
            $0.data = big
        }.object
        #expect(made?["title"]?.string == String(repeating: "题", count: 39) + "…")
        #expect(made?["content"]?.string == String(repeating: "👍", count: 49) + "…")
        #expect(made?["clientCustomMap"]?.text == #"{"messageId":"m-1"}"#)
        #expect(made?["extra"] == nil)
        let exact = try json(#"{"k":"\#(String(repeating: "d", count: 1024 - 1 - "messageIdm-1".count))"}"#)
        #expect(try single { $0.data = exact }.object?["clientCustomMap"]?.object?.members.count == 2)
        let empty = try single { $0.title = "" }.object
        #expect(empty?["title"]?.string == "Body")
    }

    @Test func `an override cannot change who it is for`() throws {
        let patch = try json(
            #"{"appId":1,"regId":"evil","alias":"evil","requestId":"evil","clientCustomMap":{"messageId":"evil","x":"1"},"networkType":1}"#
        )
        let made = try single { $0.override = patch }
        #expect(!made.text.contains("evil") && made.object?["appId"]?.integer == 10004)
        #expect(made.object?["networkType"]?.integer == 1)
        #expect(made.object?["clientCustomMap"]?.object?["x"]?.string == "1")
    }

    @Test func `a list names its tokens in the second step, under an id of its own`() throws {
        let batch = (1...3).map { number in
            push(.vivo, token: "t\(number)") { $0.deviceID = "d-\(number)" }
        }
        let settings = try settings()
        let request = VivoRequest(batch[0], settings: settings, receiptURL: nil)
        let payload = try #require(try RawJSON(parsing: request.payload(for: batch)).object)
        #expect(payload["regId"] == nil && payload["clientCustomMap"]?.object?["messageId"]?.string == "m-1")
        let list = VivoRequest.list(batch, taskID: try json(#""77""#), settings: settings)
        let read = try #require(try RawJSON(parsing: list).object)
        #expect(read["regIds"]?.text == #"["t1","t2","t3"]"# && read["taskId"]?.string == "77")
        let ids = [payload["requestId"]?.string, read["requestId"]?.string].compactMap { $0 }
        #expect(ids.count == 2 && Set(ids).count == 2 && ids.allSatisfy { $0.count == 64 })
        #expect(VivoRequest.list(batch, taskID: try json(#""77""#), settings: settings) == list)
        let rest = VivoRequest.list(Array(batch.dropFirst()), taskID: try json(#""77""#), settings: settings)
        #expect(try RawJSON(parsing: rest).object?["requestId"]?.string != ids[1])
    }

    /// Python: hashlib.md5(b"10004key-11700000000000secret-1").hexdigest()
    @Test func `a login is signed over trimmed values`() throws {
        let connections = try connections()
        let login = VivoLogin(
            settings: try settings(), clock: HandClock().wall,
            client: OutboundClient(
                origin: EndpointURL(knownHost: "x"), trust: .vendor, connectionsMax: 1, settings: connections),
            requestTimeout: .seconds(1))
        #expect(
            String(decoding: login.body(now: exampleNow), as: UTF8.self)
                == #"{"appId":10004,"appKey":"key-1","timestamp":1700000000000,"sign":"ac022b1f6b3c4711b19e8a69b67eef3d"}"#
        )
    }
}

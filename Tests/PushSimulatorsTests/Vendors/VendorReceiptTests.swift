import Crypto
import Foundation
import PushSimulators
import TestWaiting
import Testing

@Suite struct VendorReceiptTests {
    typealias Client = SimulatorClient

    private static func run(_ body: (Client, ReceiptTarget) async throws -> Void) async throws {
        try await Client.run { client async throws in
            try await ReceiptTarget.run { target async throws in try await body(client, target) }
        }
    }

    private static func object(_ text: String?) throws -> [String: any Sendable] {
        try #require(
            JSONSerialization.jsonObject(with: Data((text ?? "").utf8)) as? [String: any Sendable])
    }

    private static func form(_ text: String) -> [String: String] {
        var components = URLComponents()
        components.percentEncodedQuery = text.replacing("+", with: "%20")
        return Dictionary(
            (components.queryItems ?? []).map { ($0.name, $0.value ?? "") }, uniquingKeysWith: { first, _ in first })
    }

    @Test func `Huawei reports statuses and signs them`() async throws {
        try await Self.run { client, target in
            _ = try await client.sendHuawei(access: client.huaweiToken())
            let push = try #require(client.simulator.pushes().first)
            let answers = try await client.simulator.sendReceipt(
                .delivered, for: [push], to: target.url, key: ReceiptKey(username: "ann", key: "secret"))
            #expect(answers.map(\.status) == [200] && answers.first?.body == "ok")
            let received = try #require(target.received.first)
            #expect(received.headers.first(name: "content-type")?.hasPrefix("application/json") == true)
            let items = try Self.object(received.body)["statuses"] as? [[String: any Sendable]]
            let item = try #require(items?.first)
            #expect(item["token"] as? String == "t1" && item["biTag"] as? String == "b1")
            #expect(item["status"] as? Int == 0 && item["requestId"] as? String == push.vendorId)
            #expect(item["appid"] as? String == client.simulator.credentials.huawei.appId)
            let parts = received.headers.first(name: "X-HUAWEI-CALLBACK-ID")?.split(separator: "; ").map {
                $0.split(separator: "=", maxSplits: 1).map(String.init)
            }
            let values = Dictionary((parts ?? []).map { ($0[0], $0[1]) }, uniquingKeysWith: { first, _ in first })
            let signed = Data("\(values["timestamp"] ?? "")\(values["nonce"] ?? "")ann".utf8)
            let code = HMAC<SHA256>.authenticationCode(for: signed, using: SymmetricKey(data: Data("secret".utf8)))
            #expect(values["value"] == Data(code).base64EncodedString())
            await #expect(throws: VendorSimulatorError.self) {
                try await client.simulator.sendReceipt(.clicked, for: [push], to: target.url)
            }
            await #expect(throws: VendorSimulatorError.self) {
                try await client.simulator.sendReceipt(.delivered, for: [push])
            }
        }
    }

    @Test func `Huawei puts a hundred pushes into a call`() async throws {
        try await Self.run { client, target in
            let tokens = (0..<250).map { "\"t\($0)\"" }.joined(separator: ",")
            _ = try await client.sendHuawei(Client.huaweiBody(tokens: tokens), access: client.huaweiToken())
            let answers = try await client.simulator.sendReceipt(
                .deadToken, for: client.simulator.pushes(), to: target.url)
            #expect(answers.map(\.pushes) == [100, 100, 50])
            #expect(target.received.first?.headers.contains(name: "X-HUAWEI-CALLBACK-ID") == false)
        }
    }

    @Test func `HONOR reports its own statuses`() async throws {
        try await Self.run { client, target in
            _ = try await client.sendHonor(access: client.honorToken())
            let pushes = client.simulator.pushes()
            for event in [ReceiptEvent.delivered, .deadToken, .vendorStatus("50000003")] {
                try await client.simulator.sendReceipt(event, for: pushes, to: target.url)
            }
            let statuses = try target.received.map {
                (try Self.object($0.body)["statuses"] as? [[String: any Sendable]])?.first?["status"] as? Int
            }
            #expect(statuses == [40_000_002, 40_000_004, 50_000_003])
        }
    }

    @Test func `Xiaomi reports to the address in the push`() async throws {
        try await Self.run { client, target in
            _ = try await client.sendXiaomi([
                "registration_id": "t1,t2", "extra.callback": target.url, "extra.callback.param": "p1",
                "extra.jobkey": "job-1",
            ])
            let pushes = client.simulator.pushes()
            try await client.simulator.sendReceipt(.deadToken, for: pushes)
            let received = try #require(target.received.first)
            #expect(received.headers.first(name: "content-type") == "application/x-www-form-urlencoded")
            let data = try Self.object(Self.form(received.body)["data"])
            let item = try #require(data[pushes.first?.vendorId ?? ""] as? [String: any Sendable])
            #expect(item["type"] as? Int == 16 && item["targets"] as? String == "t1,t2")
            #expect(item["param"] as? String == "p1" && item["jobkey"] as? String == "job-1")
        }
    }

    @Test func `Meizu reports with its access token`() async throws {
        try await Self.run { client, target in
            _ = try await client.sendMeizu(ids: "t1,t2")
            let pushes = client.simulator.pushes()
            try await client.simulator.sendReceipt(.clicked, for: pushes, to: target.url)
            let form = Self.form(try #require(target.received.first).body)
            let data = try Self.object(form["cb"])
            let item = try #require(data["\(pushes.first?.vendorId ?? "")-2"] as? [String: any Sendable])
            #expect(item["type"] as? Int == 2 && item["targets"] as? [String] == ["t1", "t2"])
            #expect(item["param"] as? String == "p1" && form["access_token"]?.isEmpty == false)
        }
    }

    @Test func `receipts are asked for over HTTP, and their answers listed`() async throws {
        try await Self.run { client, target in
            _ = try await client.sendHonor(access: client.honorToken())
            let page = "http://127.0.0.1:\(client.simulator.httpPort)/receipts"
            let body = #"{"event":"delivered","messageId":"m1","url":"\#(target.url)"}"#
            let answer = try await client.request(.POST, page, body: body)
            #expect(answer.status == 202 && answer.body == #"{"calls":1}"#)
            let item = try await eventually("the answer is listed") {
                (try await client.request(.GET, page).json["items"] as? [[String: any Sendable]])?.first
            }
            #expect(item["status"] as? Int == 200 && item["vendor"] as? String == "honor")
            for wrong in [
                "", "{}", #"{"event":"delivered"}"#, #"{"event":"delivered","messageId":"m2","url":"\#(target.url)"}"#,
                #"{"event":"replaced","messageId":"m1","url":"\#(target.url)"}"#,
            ] {
                #expect(try await client.request(.POST, page, body: wrong).status == 400)
            }
        }
    }
}

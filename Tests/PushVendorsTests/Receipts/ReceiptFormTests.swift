import Crypto
import Foundation
import PushCore
import Testing

@testable import PushVendors

/// Each vendor's own form, and every row of its table.
@Suite struct ReceiptFormTests {
    private let reader = LiveReceipts()

    private func read(
        _ vendor: Vendor, _ body: String, settings: [String] = [], callbackID: String? = nil
    ) throws -> [VendorReceipt] {
        try reader.receipts(
            in: VendorReceiptCall(body: Array(body.utf8), callbackID: callbackID), from: vendor,
            settings: try settings.map { try json($0) }, now: exampleNow)
    }

    private func form(_ fields: [(name: String, value: String)]) -> String {
        String(decoding: FormBody.encode(fields), as: UTF8.self)
    }

    private func code(of body: () throws -> some Any) -> GatewayError.Code? {
        do {
            _ = try body()
            return nil
        } catch {
            return (error as? GatewayError)?.code
        }
    }

    // MARK: Tables

    @Test(arguments: [
        ("0", VendorReceipt.Meaning.delivered), ("2", .tokenDead), ("5", .tokenDead), ("6", .notificationsOff),
        ("10", .inactive), ("14", .other), ("15", .replaced), ("22", .mismatch), ("144", .mismatch), ("27", .held),
        ("31", .mismatch), ("51", .held), ("102", .limited), ("201", .limited), ("256", .limited), ("999", .other),
    ])
    func `each status of Huawei has its meaning`(code: String, meaning: VendorReceipt.Meaning) throws {
        let receipts = try read(
            .huawei,
            #"{"statuses":[{"token":"t1","biTag":"m1","status":\#(code),"timestamp":1700000000123,"requestId":"r1"}]}"#)
        let receipt = try #require(receipts.first)
        #expect(receipts.count == 1 && receipt.meaning == meaning && receipt.code == code && !receipt.text.isEmpty)
        #expect(receipt.messageID == "m1" && receipt.token == "t1" && receipt.vendorID == "r1")
        #expect(receipt.at == 1_700_000_000_123)
    }

    @Test func `Huawei's second form is one object`() throws {
        let receipts = try read(
            .huawei,
            #"{"token":"t","pushType":0,"biTag":"m","requestId":"r","deliveryStatus":{"result":2,"timestamp":1700000000}}"#
        )
        #expect(receipts.map(\.meaning) == [.tokenDead])
        #expect(receipts.first?.at == 1_700_000_000_000)
    }

    @Test(arguments: [
        ("40000001", VendorReceipt.Meaning.delivered), ("40000002", .shown), ("40000003", .tokenDead),
        ("40000004", .tokenDead), ("40000005", .notificationsOff), ("40000006", .notShown), ("40000007", .clicked),
        ("40000009", .limited), ("40000011", .clicked), ("40000013", .held), ("40000014", .mismatch),
        ("40000015", .notShown), ("50000003", .held), ("1", .other),
    ])
    func `each status of HONOR has its meaning`(code: String, meaning: VendorReceipt.Meaning) throws {
        let receipts = try read(.honor, #"{"statuses":[{"token":"t","biTag":"m","status":"\#(code)"}]}"#)
        #expect(receipts.map(\.meaning) == [meaning] && receipts.first?.code == code)
    }

    @Test(arguments: [
        ("1", VendorReceipt.Meaning.delivered), ("2", .clicked), ("16", .tokenDead), ("32", .notificationsOff),
        ("64", .notShown), ("128", .limited), ("1024", .expired), ("5", .other),
    ])
    func `each type of Xiaomi has its meaning`(code: String, meaning: VendorReceipt.Meaning) throws {
        let data = """
            {
              "x1": {"param": "m1", "type": \(code), "targets": "a,b , c", "timestamp": 1700000000123}
            }
            """
        let receipts = try read(.xiaomi, form([("data", data)]))
        #expect(receipts.map(\.token) == ["a", "b", "c"] && receipts.allSatisfy { $0.meaning == meaning })
        #expect(receipts.allSatisfy { $0.messageID == "m1" && $0.vendorID == "x1" && $0.code == code })
    }

    @Test(arguments: [
        ("push_arrive", VendorReceipt.Meaning.delivered), ("regid_invalid", .tokenDead),
        ("user_daily_limit", .limited), ("message_night_control", .notShown), ("new_one", .other),
    ])
    func `each event of OPPO has its meaning`(code: String, meaning: VendorReceipt.Meaning) throws {
        let receipts = try read(
            .oppo,
            #"[{"messageId":"o1","registrationIds":"a,b","eventTime":"1700000000123","param":"m","eventType":"\#(code)"}]"#
        )
        #expect(receipts.map(\.token) == ["a", "b"] && receipts.allSatisfy { $0.meaning == meaning })
        #expect(receipts.first?.messageID == "m" && receipts.first?.at == 1_700_000_000_123)
    }

    @Test(arguments: [
        ("", "0", VendorReceipt.Meaning.delivered), (#","ackType":0"#, "0", .delivered),
        (#","ackType":100"#, "100", .limited), (#","ackType":100,"subAckType":11001"#, "100/11001", .limited),
        (#","ackType":100,"subAckType":12000"#, "100/12000", .limited),
        (#","ackType":100,"subAckType":10012"#, "100/10012", .expired),
        (#","ackType":100,"subAckType":14002"#, "100/14002", .expired),
        (#","ackType":101"#, "101", .notShown), (#","ackType":102"#, "102", .mismatch),
        (#","ackType":"102","subAckType":"20001""#, "102/20001", .tokenDead),
        (#","ackType":102,"subAckType":20002"#, "102/20002", .tokenDead),
        (#","ackType":102,"subAckType":20006"#, "102/20006", .inactive),
        (#","ackType":103"#, "103", .replaced), (#","ackType":104"#, "104", .notShown),
        (#","ackType":104,"subAckType":1017"#, "104/1017", .notShown),
        (#","ackType":104,"subAckType":2124"#, "104/2124", .notShown),
        (#","ackType":104,"subAckType":2144"#, "104/2144", .expired),
        (#","ackType":104,"subAckType":2183"#, "104/2183", .tokenDead),
        (#","ackType":104,"subAckType":7"#, "104/7", .notShown), (#","ackType":9"#, "9", .other),
    ])
    func `each type of vivo has its meaning`(more: String, code: String, meaning: VendorReceipt.Meaning) throws {
        let receipts = try read(.vivo, #"{"v1":{"targets":"a","ackTime":1700000000123,"param":"m"\#(more)}}"#)
        #expect(receipts.map(\.meaning) == [meaning] && receipts.first?.code == code)
        #expect(receipts.first?.vendorID == "v1" && receipts.first?.messageID == "m")
    }

    @Test func `each type of Meizu has its meaning`() throws {
        let cb = """
            {"n1-1":{"param":"m1","type":1,"targets":["a","b"]},"n1-2":{"param":"m1","type":2,"targets":["a"]},
             "n2-9":{"param":"m2","type":9,"targets":["c"]}}
            """
        let receipts = try read(.meizu, form([("cb", cb), ("access_token", "t")]))
        #expect(receipts.map(\.meaning) == [.delivered, .delivered, .clicked, .other])
        #expect(receipts.map(\.token) == ["a", "b", "a", "c"] && receipts.map(\.vendorID) == ["n1", "n1", "n1", "n2"])
    }

    // MARK: What is not readable

    @Test func `what cannot be read is refused, an item that cannot is left out`() throws {
        for vendor in [Vendor.huawei, .honor, .xiaomi, .oppo, .vivo, .meizu] {
            for body in ["", "{", "nothing", "data=%", "data=%7B", "a=1&a=2"] {
                let refused = code { try read(vendor, body) }
                #expect(refused == .invalidRequest, "\(vendor) \(body)")
            }
            #expect(try read(vendor, "[]").isEmpty)
            #expect(try read(vendor, "{}").isEmpty)
        }
        let silent = code { try read(.fcm, "{}") }
        #expect(silent == .notFound)
        let receipts = try read(.huawei, #"{"statuses":[1,{"token":"t"},{"status":0},{"token":"t","status":0}]}"#)
        #expect(receipts.count == 1 && receipts.first?.messageID == nil)
    }

    // MARK: Authentication

    private static let huawei = #"{"clientId":"1","callbackUser":"user","callbackKey":"key"}"#

    private func signature(_ timestamp: String, key: String = "key", user: String = "user") -> String {
        let code = HMAC<SHA256>.authenticationCode(
            for: Data((timestamp + "n0" + user).utf8), using: SymmetricKey(data: Data(key.utf8)))
        return "timestamp=\(timestamp); nonce=n0; value=\(Data(code).base64EncodedString())"
    }

    @Test func `a stored callback key wants a fresh signature`() throws {
        let body = #"{"statuses":[{"token":"t","biTag":"m","status":0}]}"#
        let now = "\(exampleNow)"
        func result(_ field: String?, settings: [String] = [Self.huawei]) -> GatewayError.Code? {
            code { try read(.huawei, body, settings: settings, callbackID: field) }
        }
        #expect(result(signature(now)) == nil)
        #expect(result(signature("\(exampleNow / 1000)")) == nil)
        #expect(result(signature("\(exampleNow - 599_000)")) == nil)
        #expect(result(signature("\(exampleNow - 601_000)")) == .unauthenticated)
        #expect(result(signature("\(exampleNow + 601_000)")) == .unauthenticated)
        #expect(result(signature("\(Int64.max)")) == .unauthenticated)
        #expect(result(signature("-\(Int64.max)")) == .unauthenticated)
        #expect(result(signature(now, key: "other")) == .unauthenticated)
        #expect(result(signature(now, user: "other")) == .unauthenticated)
        #expect(result(signature(now).replacing("n0", with: "n1")) == .unauthenticated)
        for field in [nil, "", "value=", "timestamp=\(now); nonce=n0", "timestamp=\(now);nonce=n0;value=!!"] {
            #expect(result(field) == .unauthenticated, "\(field ?? "none")")
        }
        // Several apps, each with its own key; one without a key does not let unsigned calls in.
        let other = #"{"callbackUser":"b","callbackKey":"kb"}"#
        #expect(result(signature(now), settings: [other, Self.huawei]) == nil)
        #expect(result(nil, settings: ["{}", Self.huawei]) == .unauthenticated)
        #expect(result(nil, settings: ["{}"]) == nil)
    }

    @Test func `a stored receipt token of Meizu is wanted in every call`() throws {
        let settings = [#"{"receiptToken":"good"}"#]
        func result(_ fields: [(name: String, value: String)]) -> GatewayError.Code? {
            code { try read(.meizu, form([(name: "cb", value: "{}")] + fields), settings: settings) }
        }
        #expect(result([("access_token", "good")]) == nil)
        #expect(result([("access_token", "goo")]) == .unauthenticated)
        #expect(result([]) == .unauthenticated)
    }

    @Test func `receipt settings are read, kept and half hidden`() throws {
        var reader = SettingsReader(try json(Self.huawei))
        let settings = try #require(HuaweiReceiptSettings(&reader))
        #expect(reader.faults.isEmpty)
        let stored = RawJSON.object { settings.write(into: &$0) }
        #expect(HuaweiReceiptSettings(stored: stored) == settings)
        let shown = RawJSON.object { settings.writePublic(into: &$0) }
        #expect(shown.object?["callbackUser"]?.string == "user" && shown.object?["callbackKey"] == nil)
        var half = SettingsReader(try json(#"{"callbackUser":"u"}"#))
        #expect(HuaweiReceiptSettings(&half) == nil && half.faults.map(\.pointer) == ["/callbackKey"])
        var other = SettingsReader(try json(#"{"callbackKey":"k"}"#))
        #expect(HuaweiReceiptSettings(&other) == nil && other.faults.map(\.pointer) == ["/callbackUser"])
    }
}

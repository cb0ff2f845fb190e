import PushCore
import PushCredentials
import Testing

@testable import PushVendors

@Suite struct PayloadFitTests {
    private func apns(_ push: VendorPush) throws -> (bytes: Int, alert: JSONObject, root: JSONObject) {
        let body = APNsRequest(push, topic: "t", now: exampleNow).body
        let root = try #require(try RawJSON(parsing: body).object)
        let alert = try #require(root["aps"]?.object?["alert"]?.object)
        return (body.count, alert, root)
    }

    @Test(arguments: ["x", "界", "👩‍👩‍👧‍👦", "🇩🇪", "e\u{301}", "\"", "\n", "\u{1}"])
    func `a long body is cut between characters and uses the room there is`(character: String) throws {
        let text = String(repeating: character, count: 6000)
        let made = try apns(push(.apns) { $0.body = text })
        #expect(made.bytes <= 4096)
        let encoded = JSONWriter.object { $0.member("k", character) }.count - #"{"k":""}"#.count
        #expect(made.bytes > 4096 - encoded, "one more character would not have fitted")
        let body = try #require(made.alert["body"]?.string)
        #expect(body.hasSuffix("…"))
        #expect(body.dropLast().allSatisfy { String($0) == character })
        #expect(text.hasPrefix(body.dropLast()))
    }

    @Test func `what fits is left alone`() throws {
        let made = try apns(push(.apns) { $0.body = String(repeating: "x", count: 3000) })
        #expect(made.alert["body"]?.string?.count == 3000)
    }

    @Test func `the body is cut before subtitle and title, and all texts before data goes`() throws {
        let data = try json(#"{"k":"\#(String(repeating: "d", count: 2000))"}"#)
        let first = try apns(
            push(.apns) {
                $0.title = String(repeating: "t", count: 1000)
                $0.body = String(repeating: "b", count: 3000)
                $0.data = data
            })
        #expect(first.alert["title"]?.string?.count == 1000)
        #expect(first.alert["body"]?.string?.hasSuffix("b…") == true)
        #expect(first.root["k"] != nil)
        let second = try apns(
            push(.apns) {
                $0.title = String(repeating: "t", count: 3000)
                $0.subtitle = String(repeating: "s", count: 1000)
                $0.body = String(repeating: "b", count: 1000)
                $0.data = data
            })
        #expect(second.alert["body"]?.string == "…")
        #expect(second.alert["subtitle"]?.string == "…")
        #expect(second.alert["title"]?.string?.hasSuffix("t…") == true)
        #expect(second.root["k"] != nil)
    }

    @Test func `data that is too large goes, and the texts come back`() throws {
        let data = try json(#"{"k":"\#(String(repeating: "d", count: 5000))"}"#)
        let made = try apns(
            push(.apns) {
                $0.title = "A title"
                $0.body = "A body that is short"
                $0.data = data
            })
        #expect(made.root["k"] == nil)
        #expect(made.alert["title"]?.string == "A title")
        #expect(made.alert["body"]?.string == "A body that is short")
        #expect(made.root["messageId"]?.string == "m-1")
    }

    @Test(arguments: [Vendor.apns, .fcm, .webhook])
    func `a push is never refused for its size`(vendor: Vendor) throws {
        let long = String(repeating: "界", count: 20_000)
        let data = try json(#"{"k":"\#(long)"}"#)
        let patch = try json(#"{"x":"\#(long)","message":{"fcm_options":{"x":"\#(long)"}}}"#)
        let made = push(vendor) {
            $0.title = long
            $0.subtitle = long
            $0.body = long
            $0.image = "https://example.com/" + String(repeating: "i", count: 30_000)
            $0.sound = String(repeating: "s", count: 30_000)
            $0.category = String(repeating: "c", count: 30_000)
            $0.action = .init(kind: .intent, value: String(repeating: "a", count: 30_000))
            $0.collapseID = String(repeating: "k", count: 30_000)
            $0.data = data
            $0.override = patch
        }
        let body: [UInt8] =
            switch vendor {
            case .apns: APNsRequest(made, topic: "t", now: exampleNow).body
            case .fcm: FCMRequest(made, now: exampleNow).body
            default: WebhookRequest(made, secret: WebhookSecret(), now: exampleNow).body
            }
        #expect(body.count <= (vendor == .webhook ? 20_000 : 4200))
        #expect(String(decoding: body, as: UTF8.self).contains(#""messageId":"m-1""#))
        _ = try RawJSON(parsing: body)
    }
}

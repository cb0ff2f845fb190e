import PushCore
import Testing

@testable import PushVendors

/// What a sender's `push.vendor.{vendor}` may not change, whoever the vendor is.
@Suite struct OverrideProtectionTests {
    private func settings<Settings: PushVendors.VendorSettings>(_ type: Settings.Type, _ text: String) throws
        -> Settings
    {
        try Settings(reading: json(text), policy: EndpointPolicy(allowsPrivate: true))
    }

    private func fcm(_ patch: String, isSilent: Bool = false, osType: OSType = .ios) throws -> RawJSON {
        let patch = try json(patch)
        let made = push(.fcm) {
            $0.override = patch
            $0.isSilent = isSilent
            $0.osType = osType
        }
        return try RawJSON(parsing: FCMRequest(made, now: exampleNow).body)
    }

    @Test func `FCM: the message id stays the gateway's on every platform, and a push is no dry run`() throws {
        let made = try fcm(
            #"{"validate_only":true,"validateOnly":true,"message":{"data":{"messageId":"evil","x":"1"},"#
                + #""android":{"data":{"messageId":"evil","a":"1"}},"#
                + #""apns":{"payload":{"messageId":"evil","b":1}},"webpush":{"data":{"messageId":"evil","c":"1"}}}}"#)
        #expect(made.value(at: ["validate_only"]) == nil && made.value(at: ["validateOnly"]) == nil)
        #expect(made.value(at: ["message", "data"])?.text == #"{"messageId":"m-1","x":"1"}"#)
        #expect(made.value(at: ["message", "android", "data"])?.text == #"{"a":"1"}"#)
        #expect(made.value(at: ["message", "apns", "payload", "b"])?.integer == 1)
        #expect(made.value(at: ["message", "webpush", "data"])?.text == #"{"c":"1"}"#)
        #expect(!made.text.contains("evil"))
    }

    @Test(arguments: [OSType.ios, .android])
    func `FCM: a silent push stays silent`(osType: OSType) throws {
        let made = try fcm(
            #"{"message":{"notification":{"title":"SHOWN"},"android":{"notification":{"title":"SHOWN"}},"#
                + #""webpush":{"notification":{"title":"SHOWN"}},"apns":{"headers":{"apns-push-type":"alert"},"#
                + #""payload":{"aps":{"alert":"SHOWN","sound":"SHOWN","badge":77,"x":1}}}}}"#,
            isSilent: true, osType: osType)
        #expect(!made.text.contains("SHOWN") && !made.text.contains("77"))
        #expect(made.value(at: ["message", "apns", "headers", "apns-push-type"])?.string != "alert")
        #expect(made.value(at: ["message", "apns", "payload", "aps", "x"])?.integer == 1)
    }

    @Test func `APNs: a silent push stays silent`() throws {
        let patch = try json(#"{"aps":{"alert":"SHOWN","sound":"SHOWN","badge":77,"x":1},"messageId":"evil"}"#)
        let made = push(.apns) {
            $0.override = patch
            $0.isSilent = true
        }
        let body = APNsRequest(made, topic: "t", now: exampleNow).body.utf8Text
        #expect(body == #"{"aps":{"content-available":1,"x":1},"messageId":"m-1"}"#)
        let visible = push(.apns) { $0.override = patch }
        #expect(APNsRequest(visible, topic: "t", now: exampleNow).body.utf8Text.contains(#""badge":77"#))
    }

    @Test func `FCM: an iPhone's push ends when it should`() throws {
        func expiration(_ seconds: Int) throws -> String? {
            let made = push(.fcm) {
                $0.osType = .ios
                $0.timeToLiveSeconds = seconds
            }
            return try RawJSON(parsing: FCMRequest(made, now: exampleNow).body).value(
                at: ["message", "apns", "headers", "apns-expiration"])?.string
        }
        #expect(try expiration(0) == "0")
        #expect(try expiration(60) == "1700000060")
        #expect(try expiration(9_000_000) == "1702592000")
    }

    @Test func `Huawei and HONOR: no data beside the gateway's, and no dry run`() throws {
        let huawei = try settings(HuaweiSettings.self, #"{"projectId":"p","clientId":"1","clientSecret":"s"}"#)
        let patch = try json(
            #"{"validate_only":true,"validateOnly":true,"message":{"android":{"data":"evil","bi_tag":"evil"}}}"#)
        let body = HuaweiRequest(push(.huawei) { $0.override = patch }, tokens: ["t"], settings: huawei).body.utf8Text
        #expect(!body.contains("evil") && !body.contains("validate"))
        let honor = try settings(HONORSettings.self, #"{"appId":"1","clientId":"1","clientSecret":"s"}"#)
        let other = try json(#"{"android":{"data":"evil","biTag":"evil","targetUserType":1}}"#)
        let made = HONORRequest(push(.honor) { $0.override = other }, tokens: ["t"], settings: honor).body.utf8Text
        #expect(!made.contains("evil") && made.contains(#""targetUserType":1"#))
    }

    @Test(arguments: ["https://gate.example.com/r", nil])
    func `phone makers: receipts go to the gateway alone`(receiptURL: String?) throws {
        func body(_ vendor: Vendor, _ patch: String) throws -> String {
            let patch = try json(patch)
            let made = push(vendor) { $0.override = patch }
            switch vendor {
            case .xiaomi:
                let own = try settings(XiaomiSettings.self, #"{"packageName":"p","appSecret":"s"}"#)
                return XiaomiRequest(made, tokens: ["t"], settings: own, receiptURL: receiptURL).body.utf8Text
            case .oppo:
                let own = try settings(OPPOSettings.self, #"{"appKey":"k","masterSecret":"s"}"#)
                return OPPORequest([made], settings: own, receiptURL: receiptURL).field.value
            case .vivo:
                let own = try settings(VivoSettings.self, #"{"appId":"1","appKey":"k","appSecret":"s"}"#)
                return VivoRequest(made, settings: own, receiptURL: receiptURL).single.utf8Text
            default: return MeizuRequest.message(made, receiptURL: receiptURL).text
            }
        }
        let extra = #""extra":{"callback":"evil","callback.param":"evil","callback.type":"evil","callback.id":"evil"}"#
        for (vendor, patch) in [
            (Vendor.xiaomi, "{\(extra)}"), (.meizu, "{\(extra)}"),
            (.vivo, #"{"extra":{"callback":"evil","callback.param":"evil","callback.id":"evil"}}"#),
            (.xiaomi, #"{"extra.callback":"evil","extra.callback.param":"evil","extra.callback.type":"evil"}"#),
            (.oppo, #"{"notification":{"call_back_url":"evil","call_back_parameter":"evil"}}"#),
        ] {
            let made = try body(vendor, patch)
            let left = made.replacing("extra.callback.id=evil", with: "").replacing(#""callback.id":"evil""#, with: "")
            #expect(!(vendor == .vivo ? made : left).contains("evil"), "\(vendor): \(made)")
            #expect(made.contains("gate.example.com") == (receiptURL != nil), "\(vendor)")
        }
        let gone = try body(.vivo, #"{"extra":null}"#)
        #expect(gone.contains("gate.example.com") == (receiptURL != nil))
    }
}

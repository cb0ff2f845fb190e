import PushCore
import Testing

@testable import PushVendors

/// Whatever a push holds, its body is valid JSON within the vendor's limit and has the message id.
@Suite struct PayloadFitRandomTests {
    /// SplitMix64: the same texts on every run of a seed.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }

        private static let pieces = [
            "a", " ", "\"", "\\", "/", "\n", "\u{0}", "\u{7f}", "é", "e\u{301}", "\u{301}", "ü", "ß", "界", "消息", "한국",
            "😀", "👩‍👩‍👧‍👦", "👍🏽", "🇩🇪", "🇩", "שלום", "مرحبا", "\u{202E}", "\u{200F}", "\u{200D}", "\u{FEFF}", "क्षि", "ก็",
            "\u{2028}",
            "\u{FFFF}", "\u{10FFFF}", "z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢",
        ]

        mutating func text(max: Int) -> String {
            var text = ""
            // Now and then a long run of one thing, to meet the limit exactly.
            let run = Int.random(in: 0..<4, using: &self) == 0
            let piece = Self.pieces.randomElement(using: &self) ?? ""
            for _ in 0..<Int.random(in: 0...max, using: &self) {
                text += run ? piece : Self.pieces.randomElement(using: &self) ?? ""
            }
            return text
        }

        mutating func maybe(_ max: Int) -> String? { Bool.random(using: &self) ? text(max: max) : nil }
    }

    private func random(_ vendor: Vendor, seed: UInt64) throws -> VendorPush {
        var generator = Generator(state: seed)
        let scale = [10, 300, 2000].randomElement(using: &generator) ?? 10
        let isVoIP = vendor == .apns && Int.random(in: 0..<4, using: &generator) == 0
        var made = push(vendor, kind: isVoIP ? .voip : .alert)
        made.title = generator.text(max: scale)
        made.body = generator.text(max: scale * 3)
        made.subtitle = generator.maybe(scale)
        made.sound = generator.maybe(8)
        made.category = generator.maybe(8)
        made.image = generator.maybe(scale).map { "https://x/" + $0 }
        made.conversation = generator.maybe(8)
        made.collapseID = generator.maybe(40)
        made.osType = Bool.random(using: &generator) ? .ios : .android
        made.isSilent = Int.random(in: 0..<5, using: &generator) == 0
        made.badge = Bool.random(using: &generator) ? 99_999 : nil
        if Bool.random(using: &generator) { made.action = .init(kind: .intent, value: generator.text(max: 40)) }
        if Bool.random(using: &generator) {
            let (key, value) = (generator.text(max: 5), generator.text(max: scale))
            made.data = .object { writer in
                writer.member(key + "k", value)
                writer.object("o") { $0.member("messageId", "forged") }
                writer.member("messageId", "forged")
            }
        }
        return made
    }

    @Test(arguments: [Vendor.apns, .fcm])
    func `any push fits, is JSON and has its message id`(vendor: Vendor) throws {
        for seed in UInt64(1)...150 {
            let made = try random(vendor, seed: seed)
            let (body, bytesMax) =
                vendor == .apns
                ? (APNsRequest(made, topic: "t", now: exampleNow).body, made.token.kind == .voip ? 5120 : 4096)
                : (FCMRequest(made, now: exampleNow).body, 4096 + made.token.token.utf8.count)
            #expect(body.count <= bytesMax, "seed \(seed)")
            #expect(String(validating: body, as: UTF8.self) != nil, "seed \(seed)")
            let root = try #require(try RawJSON(parsing: body).object, "seed \(seed)")
            let message = root["message"]?.object
            let id = vendor == .apns ? root["messageId"] : message?["data"]?.object?["messageId"]
            #expect(id?.string == "m-1", "seed \(seed)")
            let shown = vendor == .apns ? root["aps"]?.object?["alert"]?.object : message?["notification"]?.object
            guard !made.isSilent || made.token.kind == .voip else {
                #expect(shown == nil, "seed \(seed)")
                continue
            }
            for (text, whole) in [("title", made.title), ("body", made.body)] {
                let said = try #require(shown?[text]?.string, "seed \(seed)")
                #expect(isBeginning(said, of: whole), "seed \(seed): \(text)")
            }
        }
    }

    private func settings<Settings: PushVendors.VendorSettings>(_ type: Settings.Type, _ text: String) throws
        -> Settings
    {
        try Settings(reading: json(text), policy: EndpointPolicy(allowsPrivate: true))
    }

    private func form(_ body: [UInt8]) -> [String: String] {
        StubServer.Request(path: "", headers: [:], body: body).form
    }

    /// Limits: the vendors' own, from their references.
    @Test(arguments: [Vendor.webpush, .huawei, .honor, .wns])
    func `any push is within the bytes of a vendor that counts bytes`(vendor: Vendor) throws {
        let huawei = try settings(HuaweiSettings.self, #"{"projectId":"p","clientId":"1","clientSecret":"s"}"#)
        let honor = try settings(HONORSettings.self, #"{"appId":"1","clientId":"1","clientSecret":"s"}"#)
        for seed in UInt64(1)...100 {
            let made = try random(vendor, seed: seed)
            switch vendor {
            case .webpush:
                let body = WebPushRequest(made).plaintext
                #expect(body.count <= 3993, "seed \(seed)")
                #expect(try RawJSON(parsing: body).object?["messageId"]?.string == "m-1", "seed \(seed)")
            case .huawei:
                let body = HuaweiRequest(huawei.completing(made), tokens: [], settings: huawei).body
                #expect(body.count <= 4096, "seed \(seed)")
                let data = try RawJSON(parsing: body).value(at: ["message", "data"])?.string ?? ""
                #expect(try json(data).object?["messageId"]?.string == "m-1", "seed \(seed)")
            case .honor:
                let body = HONORRequest(honor.completing(made), tokens: [], settings: honor).body
                #expect(body.count <= 4096, "seed \(seed)")
                let data = try RawJSON(parsing: body).value(at: ["data"])?.string ?? ""
                #expect(try json(data).object?["messageId"]?.string == "m-1", "seed \(seed)")
            default:
                let body = WNSRequest(made).body
                #expect(body.count <= 5000, "seed \(seed)")
                #expect(body.utf8Text.contains("messageId") && body.utf8Text.contains("m-1"), "seed \(seed)")
            }
        }
    }

    @Test func `any push is within Xiaomi's limits`() throws {
        let own = try settings(XiaomiSettings.self, #"{"packageName":"p","appSecret":"s"}"#)
        for seed in UInt64(1)...100 {
            let made = try random(.xiaomi, seed: seed)
            let fields = form(
                XiaomiRequest(own.completing(made), tokens: ["t"], settings: own, receiptURL: nil).body)
            let payload = fields["payload"] ?? ""
            #expect(FormBody.encode([("", payload)]).count - 1 < 4096, "seed \(seed)")
            #expect(try json(payload).object?["messageId"]?.string == "m-1", "seed \(seed)")
            if made.isSilent { continue }
            #expect((1..<50).contains(fields["title"]?.utf16.count ?? 0), "seed \(seed)")
            #expect((1..<128).contains(fields["description"]?.utf16.count ?? 0), "seed \(seed)")
        }
    }

    @Test func `any push is within OPPO's limits`() throws {
        let own = try settings(OPPOSettings.self, #"{"appKey":"k","masterSecret":"s"}"#)
        for seed in UInt64(1)...100 {
            var made = try random(.oppo, seed: seed)
            made.isSilent = false
            let text = OPPORequest([own.completing(made)], settings: own, receiptURL: nil).field.value
            let shown = try #require(try json(text).value(at: ["notification"])?.object, "seed \(seed)")
            #expect((1...50).contains(shown["title"]?.string?.utf16.count ?? 0), "seed \(seed)")
            #expect((shown["sub_title"]?.string?.utf16.count ?? 0) <= 10, "seed \(seed)")
            #expect((1...50).contains(shown["content"]?.string?.utf16.count ?? 0), "seed \(seed)")
            let parameters = shown["action_parameters"]?.string ?? ""
            #expect(parameters.utf8.count <= 4000, "seed \(seed)")
            #expect(try json(parameters).object?["messageId"]?.string == "m-1", "seed \(seed)")
        }
    }

    @Test func `any push is within vivo's and Meizu's limits`() throws {
        let own = try settings(VivoSettings.self, #"{"appId":"1","appKey":"k","appSecret":"s"}"#)
        for seed in UInt64(1)...100 {
            var made = try random(.vivo, seed: seed)
            made.isSilent = false
            let vivo = try #require(
                try RawJSON(parsing: VivoRequest(made, settings: own, receiptURL: nil).single).object)
            #expect((1...40).contains(vivo["title"]?.string?.utf16.count ?? 0), "seed \(seed)")
            #expect((1...100).contains(vivo["content"]?.string?.utf16.count ?? 0), "seed \(seed)")
            #expect((vivo["skipContent"]?.string?.utf16.count ?? 0) <= 1024, "seed \(seed)")
            let map = vivo["clientCustomMap"]?.object?.members ?? []
            let size = map.reduce(0) { $0 + $1.key.utf16.count + ($1.value.string?.utf16.count ?? 0) }
            #expect(size <= 1024 && map.first?.value.string == "m-1", "seed \(seed)")
            let meizu = MeizuRequest.message(made, receiptURL: nil)
            let bar = meizu.value(at: ["noticeBarInfo"])?.object
            #expect((1...32).contains(bar?["title"]?.string?.utf16.count ?? 0), "seed \(seed)")
            #expect((1...100).contains(bar?["content"]?.string?.utf16.count ?? 0), "seed \(seed)")
            #expect(meizu.value(at: ["clickTypeInfo", "parameters", "messageId"])?.string == "m-1", "seed \(seed)")
        }
    }

    @Test func `a long subtitle is cut before the data goes, and goes before the message id`() throws {
        let data = try json(#"{"a":"x"}"#)
        let long = push(.oppo) {
            $0.subtitle = String(repeating: "界", count: 3000)
            $0.data = data
        }
        let text = MessageData.text(of: long, bytesMax: 4000)
        let made = try #require(try json(text).object)
        #expect(text.utf8.count <= 4000 && text.utf8.count > 3990)
        #expect(made["a"]?.string == "x" && made["subtitle"]?.string?.hasSuffix("界…") == true)
        #expect(MessageData.text(of: long, bytesMax: 20) == #"{"messageId":"m-1"}"#)
        #expect(MessageData.text(of: long, bytesMax: 0) == #"{"messageId":"m-1"}"#)
    }

    /// The whole text, or its first characters with "…" behind them. A joiner at the end would take the "…" into its own
    /// character, so scalars are compared, and the cut must be where a character ends.
    private func isBeginning(_ said: String, of whole: String) -> Bool {
        let (said, all) = (Array(said.unicodeScalars), Array(whole.unicodeScalars))
        if said == all { return true }
        guard said.last == "…", all.starts(with: said.dropLast()) else { return false }
        var ends: Set<Int> = [0]
        var count = 0
        for character in whole {
            count += character.unicodeScalars.count
            ends.insert(count)
        }
        return ends.contains(said.count - 1)
    }
}

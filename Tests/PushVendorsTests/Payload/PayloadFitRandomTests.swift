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
                : (FCMRequest(made).body, 4096 + made.token.token.utf8.count)
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

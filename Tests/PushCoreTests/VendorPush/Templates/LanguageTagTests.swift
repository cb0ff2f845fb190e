import Testing

@testable import PushCore

@Suite struct LanguageTagTests {
    @Test(
        arguments: [
            ("zh-Hant-TW", nil, ["zh-hant-tw", "zh-hant", "zh", "en"]),
            ("zh_CN", nil, ["zh-cn", "zh", "en"]),
            ("fr-CA", "de-AT", ["fr-ca", "fr", "de-at", "de", "en"]),
            (nil, "zh", ["zh", "en"]),
            ("EN-gb", "en", ["en-gb", "en"]),
            ("zh-x-private", nil, ["zh-x-private", "zh", "en"]),
            ("", nil, ["en"]),
            ("---", nil, ["en"]),
            (String(repeating: "a-", count: 5000), nil, ["en"]),
        ] as [(String?, String?, [String])])
    func `the device's language is looked for part by part, then the tenant's, then English`(
        device: String?, fallback: String?, expected: [String]
    ) {
        #expect(LanguageTag.lookup(device: device, default: fallback) == expected)
    }

    @Test func `what is a tag`() {
        for tag in ["zh", "zh-Hant", "en-GB", "es-419", "sr-Latn-RS", "zh-x-a"] { #expect(LanguageTag.isValid(tag)) }
        for tag in ["", "z", "zh_CN", "zh-", "-zh", "12", "zh--TW", "englishlanguage", "中文", "zh TW", "é1-a"] {
            #expect(!LanguageTag.isValid(tag), "\(tag)")
        }
    }
}

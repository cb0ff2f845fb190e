import PushCore
import Testing

@testable import PushVendors

@Suite struct SharedFormsTests {
    @Test func `a form keeps every byte of its values apart`() {
        let body = FormBody.encode([("a", "1 & 2=3"), ("名", "é+%")])
        #expect(String(decoding: body, as: UTF8.self) == "a=1%20%26%202%3D3&%E5%90%8D=%C3%A9%2B%25")
    }

    @Test(arguments: [("short", 5, "short"), ("longer", 5, "long…"), ("👨‍👩‍👧abc", 5, "…"), ("ab👍cd", 4, "ab…")])
    func `a text is cut between characters`(text: String, charactersMax: Int, expected: String) {
        #expect(text.shortened(charactersMax: charactersMax) == expected)
        #expect(text.shortened(charactersMax: charactersMax).utf16.count <= charactersMax)
    }

    @Test func `the vendors' day ends at midnight in Beijing`() {
        // 2026-03-01 15:59:59 UTC is 23:59:59 in Beijing.
        let now: Milliseconds = 1_772_380_799_000
        #expect(VendorDay.untilNext(now: now) == .seconds(1))
        #expect(VendorDay.untilNext(now: now + 1000) == .seconds(86_400))
        #expect(VendorDay.until(hour: 7, now: now) == .seconds(7 * 3600 + 1))
    }

    @Test func `a number for the replace key is the same for every revision`() {
        var push = PushVendorsTests.push(.vivo)
        let first = StableIdentifier.notifyID(of: push)
        push.revision = 2
        #expect(StableIdentifier.notifyID(of: push) == first && first >= 1)
        push.collapseID = "other"
        #expect(StableIdentifier.notifyID(of: push) != first)
    }
}

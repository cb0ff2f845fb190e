import PushCore
import Testing

@testable import PushVendors

@Suite struct RetryAfterTests {
    @Test(arguments: [
        ("0", Duration.zero), ("120", .seconds(120)), (" 7 ", .seconds(7)), ("999999999999999999999", .seconds(86_400)),
        ("90000", .seconds(86_400)), ("Tue, 14 Nov 2023 22:13:50 GMT", .seconds(30)),
        ("Tuesday, 14-Nov-23 22:14:20 GMT", .seconds(60)), ("Tue Nov 14 22:13:21 2023", .seconds(1)),
        ("Tue, 14 Nov 2023 22:00:00 GMT", .zero),
    ])
    func `seconds and dates are understood`(text: String, expected: Duration) {
        #expect(RetryAfter.parse(text, now: exampleNow) == expected)
    }

    @Test(arguments: ["", "soon", "-5", "1.5", "0x10", "2023-11-14T22:13:50Z"])
    func `anything else is as if it were absent`(text: String) {
        #expect(RetryAfter.parse(text, now: exampleNow) == nil)
    }
}

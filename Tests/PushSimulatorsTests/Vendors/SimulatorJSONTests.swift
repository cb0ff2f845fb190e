import Testing

@testable import PushSimulators

@Suite struct SimulatorJSONTests {
    @Test func `JSON is read as RFC 8259 has it`() throws {
        let value = try JSONParser.parse(#" {"a":[1,-2,0.5,1e3,true,false,null],"b":"\u00e9\ud83d\ude00\n\"","c":{}} "#)
        #expect(
            value == [
                "a": [1, -2, .double(0.5), .double(1000), true, false, .null], "b": "é😀\n\"", "c": [:],
            ])
        #expect(try JSONParser.parse(value.text) == value)
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\":1,}", "{a:1}", "01", "1.", ".5", "+1", "tru", "nul", "\"a", "\"\u{1}\"", "\"\\x\"",
        "\"\\ud800\"", "\"\\u12\"", "{\"a\":1,\"a\":2}", "1 2", "[1 2]", "{\"a\" 1}", "'a'", "NaN",
        String(repeating: "[", count: 100_000),
    ])
    func `what is not JSON is refused`(_ text: String) {
        #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(text) }
    }

    @Test func `HTTP dates are IMF-fixdate`() {
        #expect(HTTPDate.text(epochSeconds: 784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(HTTPDate.text(epochSeconds: 951_782_400) == "Tue, 29 Feb 2000 00:00:00 GMT")
        #expect(HTTPDate.text(epochSeconds: 1_767_225_599) == "Wed, 31 Dec 2025 23:59:59 GMT")
    }
}

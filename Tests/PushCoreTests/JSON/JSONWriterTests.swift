import Foundation
import PushCore
import Testing

@Suite struct JSONWriterTests {
    private func written(_ body: (inout JSONWriter) -> Void) -> String {
        String(decoding: JSONWriter.object(body), as: UTF8.self)
    }

    @Test(arguments: [0, 1, 9, 10, 99, 100, -1, -10, 1_700_000_000_000, Int64.max, Int64.min])
    func `an integer is written with all its digits`(value: Int64) {
        #expect(written { $0.member("n", value) } == #"{"n":\#(value)}"#)
    }

    @Test func `an integer beyond 64 bits with a sign is written too`() {
        #expect(written { $0.member("n", UInt64.max) } == #"{"n":18446744073709551615}"#)
    }

    @Test func `each sign that needs an escape has one, wherever it stands`() throws {
        let signs = (0..<0x20).map { String(UnicodeScalar(UInt8($0))) } + ["\"", "\\", "/", "\u{7F}", "é", "😀"]
        for sign in signs {
            for text in [sign, sign + sign, "a" + sign, sign + "b", "a" + sign + "b", "a" + sign + sign + "b"] {
                let bytes = JSONWriter.object { $0.member(text, text) }
                // Foundation reads it as it was, and so does the gateway itself.
                #expect(try JSONDecoder().decode([String: String].self, from: Data(bytes)) == [text: text])
                #expect(try RawJSON(parsing: bytes).object?[text]?.string == text)
            }
        }
    }

    @Test func `the short escapes are used where there are some`() {
        #expect(written { $0.member("t", "\"\\\n\r\t\u{1}") } == #"{"t":"\"\\\n\r\t\u0001"}"#)
    }

    @Test func `empty texts and objects`() {
        #expect(written { $0.member("", "") } == #"{"":""}"#)
        #expect(written { _ in } == "{}")
    }
}

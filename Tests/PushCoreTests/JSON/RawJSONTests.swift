import PushCore
import Testing

@Suite struct RawJSONTests {
    @Test(arguments: [
        "{}", "[]", "\"\"", "0", "-0", "1.5e-7", "true", "null", " { \"a\" : [ 1 , 2 ] } ", "\"\\u0000\"",
        "\"\\ud83d\\ude00\"", "\"😀é\"", "123456789012345678901234567890",
    ])
    func `valid documents are accepted as they are`(_ text: String) throws {
        let value = try RawJSON(parsing: Array(text.utf8))
        #expect(value.text == text.trimmingPrefix(" ").description.replacing(#/\s+$/#, with: ""))
    }

    @Test(arguments: [
        "", " ", "{", "}", "[1,]", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "01", "1.", ".5", "+1", "1e", "-", "tru", "nul",
        "\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"a\nb\"", "1 2", "[1 2]",
        "'a'", "NaN", "Infinity", "{\"a\":}", "[,]", "// c\n1",
    ])
    func `broken documents are refused`(_ text: String) {
        #expect(throws: JSONFault.self) { try RawJSON(parsing: Array(text.utf8)) }
    }

    @Test(
        arguments: [
            [0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xE2, 0x82, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22],
            [0x22, 0xF5, 0x80, 0x80, 0x80, 0x22], [0x22, 0xC3], [0x22, 0xF0, 0x9F, 0x98], [0x22, 0x80, 0x22],
        ] as [[UInt8]])
    func `text that is not UTF-8 is refused`(_ bytes: [UInt8]) {
        #expect(throws: JSONFault.self) { try RawJSON(parsing: bytes) }
    }

    @Test func `thirty levels are kept and twenty thousand are refused`() throws {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        #expect(try RawJSON(parsing: nested(30)).bytes.count == 60)
        #expect(throws: JSONFault.self) { try RawJSON(parsing: nested(20_000)) }
    }

    @Test func `members keep their order, numbers their text and unknown keys their place`() throws {
        let text = #"{"z":1.10,"a":[{"k":1e3}],"m":"x\"y\\","e":{}}"#
        let object = try #require(try RawJSON(parsing: Array(text.utf8)).object)
        #expect(object.members.map(\.key) == ["z", "a", "m", "e"])
        #expect(object["z"]?.text == "1.10")
        #expect(object["a"]?.array?.first?.object?["k"]?.text == "1e3")
        #expect(object["m"]?.string == #"x"y\"#)
        #expect(object["e"]?.object?.members.isEmpty == true)
    }

    @Test func `escapes become characters`() throws {
        let value = try RawJSON(parsing: Array(#""\b\f\n\r\t\/é😀\u0000""#.utf8))
        #expect(value.string == "\u{8}\u{C}\n\r\t/é😀\u{0}")
    }

    @Test func `a repeated key is named`() throws {
        let object = try #require(try RawJSON(parsing: Array(#"{"a":1,"b":2,"a":3}"#.utf8)).object)
        #expect(object.repeatedKey == "a")
    }

    @Test func `canonical forms agree when only order, escapes and space differ`() throws {
        let one = try RawJSON(parsing: Array(#"{"b": [1, 2.50], "a": "\u00e9"}"#.utf8))
        let other = try RawJSON(parsing: Array(#"{"a":"é","b":[1,2.50]}"#.utf8))
        #expect(one.canonical == other.canonical)
        let third = try RawJSON(parsing: Array(#"{"a":"é","b":[1,2.5]}"#.utf8))
        #expect(one.canonical != third.canonical)
    }

    @Test func `what the writer writes can be read back`() throws {
        let text = "line\nquote\" back\\ tab\t nul\u{0} 😀"
        let written = JSONWriter.object { writer in
            writer.member("text", text)
            writer.array("list") { for number in [1, 2, 3] { $0.integer(number) } }
            writer.object("nested") { $0.member("yes", true) }
            writer.null("nothing")
        }
        let object = try #require(try RawJSON(parsing: written).object)
        #expect(object["text"]?.string == text)
        #expect(object["list"]?.text == "[1,2,3]")
        #expect(object["nested"]?.text == #"{"yes":true}"#)
        #expect(object.members.last?.value.isNull == true)
    }

    @Test func `random damage never traps`() throws {
        let seed = Array(#"{"id":"m1","content":{"text":"h\u00e9\ud83d\ude00","n":[1,-2.5e3,null,true]}}"#.utf8)
        var generator = SystemRandomNumberGenerator()
        var accepted = 0
        for _ in 0..<20_000 {
            var bytes = seed
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(
                    in: .min ... .max, using: &generator)
            }
            guard let value = try? RawJSON(parsing: bytes) else { continue }
            accepted += 1
            // A document that was accepted can be walked and means the same in its canonical form.
            let canonical = value.canonical
            #expect(try RawJSON(parsing: Array(canonical.bytes)).canonical == canonical)
        }
        #expect(accepted > 0)
    }
}

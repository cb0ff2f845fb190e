import Testing

@testable import PushGateClient

@Suite struct JSONTests {
    @Test func `order, number text and unknown members stay as they were`() throws {
        let text = #"{"z":1.50,"a":[true,null,-0.0e+2,{}],"m":"é\u0000","z":12345678901234567890}"#
        let value = try JSONValue(parsing: Array(text.utf8))
        #expect(value.members?.map(\.name) == ["z", "a", "m", "z"])
        #expect(value.description == text)
        #expect(value["z"] == .number("1.50"))
        #expect(value["z"]?.integer == nil)
        #expect(value["m"]?.string == "é\0")
    }

    @Test func `escapes are read, and written where they are needed`() throws {
        let value = try JSONValue(parsing: Array(#" "a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00 x" "#.utf8))
        #expect(value.string == "a\"\\/\u{8}\u{C}\n\r\té😀 x")
        #expect(try JSONValue(parsing: value.bytes) == value)
    }

    @Test(arguments: [
        "", "{", "[1,]", #"{"a":}"#, #"{"a" 1}"#, "1 2", "tru", #""abc"#, #""\x""#, #""\u12"#, "nan", "]", "{,}",
    ])
    func `what is no JSON is refused`(text: String) {
        #expect(throws: JSONFault.self) { try JSONValue(parsing: Array(text.utf8)) }
    }

    @Test func `deep nesting is read, endless nesting refused`() throws {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        #expect(try JSONValue(parsing: nested(128)).array?.count == 1)
        #expect(throws: JSONFault.self) { try JSONValue(parsing: nested(100_000)) }
    }

    @Test func `an entry is read by its own members, not by those inside its content`() throws {
        let bytes = Array(
            #"{"content":{"id":"x","seq":7,"t":"}\",\"seq\":8"},"id":"m-1","seq":42,"revision":3,"revoked":true}"#.utf8)
        let entry = try Entry(bytes: bytes, channel: .inbox)
        #expect(entry.id == "m-1")
        #expect(entry.seq == 42)
        #expect(entry.revision == 3)
        #expect(entry.isRevoked)
        #expect(!entry.isBurned)
        #expect(entry.type == .unknown)
        #expect(entry.content?["seq"]?.integer == 7)
        #expect(entry.bytes == bytes)
        #expect(throws: JSONFault.self) { try Entry(bytes: Array("{\"seq\":1}".utf8), channel: .inbox) }
        #expect(throws: JSONFault.self) { try Entry(bytes: Array("[1".utf8), channel: .inbox) }
    }

    @Test func `a message is written without what was not set`() {
        var message = OutgoingMessage(id: "m", to: "acct_1", type: .custom, content: ["b": 1, "a": 2], timestamp: 5)
        #expect(
            message.json.description
                == #"{"id":"m","to":"acct_1","type":9,"content":{"b":1,"a":2},"timestamp":5}"#)
        message.timeToLive = 60
        message.isBackground = true
        #expect(message.json["ttl"]?.integer == 60)
        #expect(message.json["isBackground"]?.bool == true)
    }
}

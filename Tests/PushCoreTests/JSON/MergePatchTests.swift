import Testing

@testable import PushCore

@Suite struct MergePatchTests {
    /// RFC 7396, appendix A, and what the gateway adds: order and number text stay.
    @Test(arguments: [
        (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
        (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
        (#"{"a":"b"}"#, #"{"a":null}"#, #"{}"#),
        (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#),
        (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
        (#"{"a":"c"}"#, #"{"a":["b"]}"#, #"{"a":["b"]}"#),
        (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
        (#"{"a":[{"b":"c"}]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#),
        (#"["a","b"]"#, #"["c","d"]"#, #"["c","d"]"#),
        (#"{"a":"b"}"#, #"["c"]"#, #"["c"]"#),
        (#"{"a":"foo"}"#, "null", "null"),
        (#"{"a":"foo"}"#, #""bar""#, #""bar""#),
        (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#),
        (#"[1,2]"#, #"{"a":"b","c":null}"#, #"{"a":"b"}"#),
        (#"{}"#, #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
        (#"{"z":1.50,"a":1e3}"#, #"{"m":0.10}"#, #"{"z":1.50,"a":1e3,"m":0.10}"#),
    ])
    func `a merge patch changes what it names`(target: String, patch: String, result: String) throws {
        #expect(try json(target).merging(json(patch)).text == result)
    }

    @Test func `a member is set at a path, through what is no object, and removed`() throws {
        #expect(try json(#"{"a":{"b":1}}"#).setting(json("2"), at: ["a", "b"]).text == #"{"a":{"b":2}}"#)
        #expect(try json(#"{"a":null}"#).setting(json("2"), at: ["a", "b"]).text == #"{"a":{"b":2}}"#)
        #expect(try json("{}").setting(json("2"), at: ["a", "b"]).text == #"{"a":{"b":2}}"#)
        #expect(try json(#"{"a":{"b":1,"c":3}}"#).setting(nil, at: ["a", "b"]).text == #"{"a":{"c":3}}"#)
        #expect(try json(#"{"a":1}"#).setting(nil, at: ["x", "y"]).text == #"{"a":1}"#)
        #expect(try json(#"{"a":1}"#).setting(nil, at: ["a", "y"]).text == #"{"a":1}"#)
    }

    private func json(_ text: String) throws -> RawJSON { try RawJSON(parsing: Array(text.utf8)) }
}

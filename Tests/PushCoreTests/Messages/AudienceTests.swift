import PushCore
import PushTestSupport
import Testing

@Suite struct AudienceTests {
    private func audience(_ text: String, scopes: Set<Scope> = Set(Scope.allCases), _ more: String = "") throws
        -> Audience
    {
        let app = App.sample(scopes: scopes)
        let message = try Message(
            parsing: .json(#"{"audience":\#(text),"type":0,"content":{"text":"x"}\#(more)}"#),
            as: .app(AppIdentity(app: app, tenant: .sample, scopes: scopes)), limits: Limits(), ids: IDGenerator(),
            now: 1)
        guard case .audience(let audience) = message.destination else { throw GatewayError(.internalError, "none") }
        return audience
    }

    private func refusal(_ text: String, scopes: Set<Scope> = Set(Scope.allCases), _ more: String = "") -> GatewayError?
    {
        do {
            _ = try audience(text, scopes: scopes, more)
            return nil
        } catch {
            return error as? GatewayError
        }
    }

    @Test func `everyone, and everyone with tags`() throws {
        #expect(try audience(#"{"all":true}"#).isEveryone)
        let tagged = try audience(#"{"all":true,"tags":{"any":["a b"],"not":["日"]}}"#)
        #expect(!tagged.isEveryone && tagged.tags?.any == ["a b"] && tagged.tags?.not == ["日"])
        #expect(try !audience(#"{"all":true,"users":["ann"]}"#).isEveryone)
        #expect(try audience(#"{"all":false,"users":["ann"]}"#).users == ["ann"])
    }

    @Test(arguments: [
        (#"{"all":false}"#, "/audience/"), (#"{"all":1}"#, "/audience/all"), (#"{"tags":{}}"#, "/audience/tags/"),
        (#"{"tags":{"any":[]}}"#, "/audience/tags/"), (#"{"tags":["blue"]}"#, "/audience/tags"),
        (#"{"tags":{"any":"blue"}}"#, "/audience/tags/any"), (#"{"tags":{"any":["a","b/c"]}}"#, "/audience/tags/any/1"),
        (#"{"tags":{"any":["a,b"]}}"#, "/audience/tags/any/0"), (#"{"tags":{"none":["a"]}}"#, "/audience/tags/none"),
        (#"{"tags":{"not":["\u0001"]}}"#, "/audience/tags/not/0"), (#"{"tags":{"all":[""]}}"#, "/audience/tags/all/0"),
        // Nobody does not become everybody.
        (#"{"all":true,"users":[]}"#, "/audience/"), (#"{"tags":{"any":["a"]},"users":[],"groups":[]}"#, "/audience/"),
        (#"{"everyone":true}"#, "/audience/everyone"),
    ])
    func `what names nobody, or not clearly, is refused`(_ text: String, _ pointer: String) {
        let refusal = refusal(text)
        #expect(
            refusal?.code == .invalidRequest && refusal?.errors.map(\.pointer) == [pointer],
            "\(String(describing: refusal))")
    }

    @Test func `a tag has 1 to 64 bytes, a rule at most 100 in a list`() throws {
        #expect(refusal(#"{"tags":{"any":["\#(String(repeating: "x", count: 64))"]}}"#) == nil)
        #expect(refusal(#"{"tags":{"any":["\#(String(repeating: "x", count: 65))"]}}"#) != nil)
        let many = (0..<101).map { #""t\#($0)""# }.joined(separator: ",")
        #expect(refusal(#"{"tags":{"any":[\#(many)]}}"#)?.errors.first?.pointer == "/audience/tags/any")
    }

    @Test func `both need a scope of their own, and a device may send to neither`() throws {
        let scopes = Set(Scope.allCases).subtracting([.broadcastSend])
        #expect(refusal(#"{"all":true}"#, scopes: scopes)?.code == .forbidden)
        #expect(refusal(#"{"tags":{"any":["a"]}}"#, scopes: scopes)?.code == .forbidden)
        #expect(refusal(#"{"all":true,"users":["ann"]}"#, scopes: scopes) == nil)
        for text in [#"{"all":true}"#, #"{"tags":{"any":["a"]}}"#] {
            let error = #expect(throws: GatewayError.self) {
                try Message(
                    parsing: .json(#"{"id":"m","audience":\#(text),"type":0,"content":{"text":"x"}}"#),
                    as: .sampleDevice, limits: Limits(), ids: IDGenerator(), now: 1)
            }
            #expect(error?.code == .forbidden)
        }
    }

    @Test func `a message to tags is not ephemeral, one to everyone may be`() {
        #expect(refusal(#"{"tags":{"any":["a"]}}"#, #","ephemeral":true"#)?.errors.first?.pointer == "/ephemeral")
        #expect(refusal(#"{"all":true}"#, #","ephemeral":true"#) == nil)
    }
}

import PushCore

extension ReplyRules {
    /// The vendor's words about a whole batch, without any of its tokens.
    static func reply(code: String, text: String = "", hiding tokens: [PushToken]) -> VendorReply {
        VendorReply(code: String(hide(tokens, in: code).prefix(64)), text: String(hide(tokens, in: text).prefix(256)))
    }

    private static func hide(_ tokens: [PushToken], in text: String) -> String {
        Secrets.hide(tokens.map { ($0.token, $0.fingerprint) }, in: text.utf8, bytesMax: 4096)
    }
}

extension RawJSON {
    /// A result code, which vendors write as a number or as a text.
    var codeText: String? { integer.map { String($0) } ?? string }

    /// A yes or no, which some write as a text.
    var flag: Bool? { bool ?? string.flatMap { Bool($0.lowercased()) } }
}

extension PayloadFit {
    /// ``fit(_:bytesMax:build:)`` where the vendor does not count the list of tokens in the body.
    static func fit(_ push: VendorPush, tokens: [String], bytesMax: Int, build: (VendorPush) -> [UInt8]) -> [UInt8] {
        var list = JSONWriter()
        list.array { writer in for token in tokens { writer.string(token) } }
        return fit(push, bytesMax: bytesMax + list.bytes.count - 2, build: build)
    }
}

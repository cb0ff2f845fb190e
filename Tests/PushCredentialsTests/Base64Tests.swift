import Foundation
import Testing

@testable import PushCredentials

struct Base64Tests {
    @Test func `every length survives both ways and agrees with Foundation`() {
        var generator = SeededGenerator(seed: 1)
        for length in 0..<100 {
            let bytes = (0..<length).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            #expect(Base64.standard.encode(bytes) == Data(bytes).base64EncodedString())
            #expect(Base64.standard.decode(Array(Data(bytes).base64EncodedString().utf8)) == bytes)
            #expect(Base64URL.decode(Base64URL.encode(bytes)) == bytes)
            #expect(Base64.userSig.decode(Array(Base64.userSig.encode(bytes).utf8)) == bytes)
        }
    }

    @Test(arguments: ["A", "AA=", "AA==", "AB", "A+", "A/", "A ", "AA\n", "AAAAA", "é", "AAAA.", "\0\0"])
    func `a text that the encoder would not write is refused`(text: String) {
        #expect(Base64URL.decode(text) == nil)
    }

    @Test func `padding is needed where there is padding`() {
        #expect(Base64.standard.decode(Array("AA==".utf8)) == [0])
        for text in ["AA", "AA=", "A===", "====", "AA==AA==", "AAA=="] {
            #expect(Base64.standard.decode(Array(text.utf8)) == nil, "\(text)")
        }
    }

    @Test func `a secret matches its own hash only`() {
        // FIPS 180-4 example "abc".
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        #expect(SecretHash.hash("abc") == hash)
        #expect(SecretHash.matches("abc", hash: hash))
        #expect(!SecretHash.matches("abd", hash: hash))
        #expect(!SecretHash.matches("abc", hash: ""))
        #expect(ConstantTime.equal([1, 2], [1, 2]) && !ConstantTime.equal([1, 2], [1, 3]))
        #expect(!ConstantTime.equal([1, 2], [1]))
    }
}

import Foundation

/// The files in `Vectors/`.
enum Vectors {
    struct Missing: Error {}

    static func data(_ name: String) throws -> Data {
        guard let url = Bundle.module.url(forResource: name, withExtension: "json", subdirectory: "Vectors") else {
            throw Missing()
        }
        return try Data(contentsOf: url)
    }

    /// Tokens made by another implementation.
    struct Tokens: Decodable {
        let devicePrivateKey: String
        let deviceKeyID: String
        let deviceCredential: String
        let userKey: String
        let userJWT: String
        let accessToken: String
    }

    static func tokens() throws -> Tokens {
        try JSONDecoder().decode(Tokens.self, from: data("jwt-vectors"))
    }

    static func jwks() throws -> [UInt8] {
        let vectors = try JSONSerialization.jsonObject(with: data("jwt-vectors")) as? [String: Any]
        guard let set = vectors?["jwks"] else { throw Missing() }
        return Array(try JSONSerialization.data(withJSONObject: set))
    }
}

/// Repeatable randomness (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

/// Texts that are like a token but are not it.
struct TokenMutator {
    let original: [UInt8]
    var generator: SeededGenerator

    init(_ token: String, seed: UInt64) {
        original = Array(token.utf8)
        generator = SeededGenerator(seed: seed)
    }

    mutating func next() -> String {
        var bytes = original
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            let index = Int.random(in: 0..<max(bytes.count, 1), using: &generator)
            switch Int.random(in: 0..<6, using: &generator) {
            case 0 where !bytes.isEmpty: bytes[index] = UInt8.random(in: .min ... .max, using: &generator)
            case 1 where !bytes.isEmpty: bytes.remove(at: index)
            case 2: bytes.insert(UInt8.random(in: 0x20...0x7E, using: &generator), at: min(index, bytes.count))
            case 3: bytes = Array(bytes.prefix(index))
            case 4: bytes += bytes.prefix(index)
            case 5 where !bytes.isEmpty: bytes[index] ^= 1 << UInt8.random(in: 0...6, using: &generator)
            default: bytes.append(UInt8(ascii: "."))
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

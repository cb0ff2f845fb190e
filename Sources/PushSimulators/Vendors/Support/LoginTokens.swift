import Crypto
import Synchronization

/// The access tokens that a vendor's login gave out, each with its end.
final class LoginTokens: Sendable {
    private static let mostTokens = 10_000
    private let lifetimeMilliseconds: Int64
    private let clock: @Sendable () -> Int64
    /// Expiry in milliseconds by token.
    private let issued = Mutex<[String: Int64]>([:])

    init(lifetimeSeconds: Int64, clock: @escaping @Sendable () -> Int64) {
        lifetimeMilliseconds = lifetimeSeconds * 1000
        self.clock = clock
    }

    func issue() -> String {
        let token = Self.random(bytes: 24)
        let now = clock()
        issued.withLock { issued in
            if issued.count >= Self.mostTokens { issued = issued.filter { $0.value > now } }
            if issued.count >= Self.mostTokens { issued = [:] }
            issued[token] = now + lifetimeMilliseconds
        }
        return token
    }

    func isValid(_ token: some StringProtocol) -> Bool {
        let now = clock()
        return issued.withLock { ($0[String(token)] ?? 0) > now }
    }

    /// Random bytes as hexadecimal digits.
    static func random(bytes: Int) -> String {
        SymmetricKey(size: .init(bitCount: bytes * 8)).withUnsafeBytes { hex($0) }
    }

    static func hex(_ bytes: some Sequence<UInt8>) -> String {
        var text = ""
        for byte in bytes {
            if byte < 16 { text += "0" }
            text += String(byte, radix: 16)
        }
        return text
    }
}

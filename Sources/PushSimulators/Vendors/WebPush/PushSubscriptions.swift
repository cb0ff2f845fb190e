import Crypto
import Foundation
import Synchronization

/// A browser's subscription, as a page gets it from `PushManager.subscribe`.
public struct PushSubscription: Sendable, Equatable {
    /// The push token: the subscription as JSON text.
    public let token: String
    public let endpoint: String
    /// `keys.p256dh`: the browser's public key, 65 bytes in base64url.
    public let p256dh: String
    /// `keys.auth`: 16 bytes in base64url.
    public let auth: String
}

/// The subscriptions of the simulated browsers, and what waits for those that are not connected.
final class PushSubscriptions: Sendable {
    /// What the push service and the browser behind a subscription know.
    struct Known: Sendable {
        let subscription: PushSubscription
        let origin: String
        let privateKey: P256.KeyAgreement.PrivateKey
        let authSecret: Data
        /// The only key whose requests are taken; nil: any.
        let applicationServerKey: Data?
    }

    private struct Pending {
        let topic: String?
        let push: RecordedPush
        /// Milliseconds.
        let expiresAt: Int64
    }

    private struct Entry {
        let known: Known
        var isGone = false
        var isConnected = true
        var pending: [Pending] = []
    }

    enum Found {
        case unknown
        case gone
        case live(Known)
    }

    static let path = "/wpush/v2/"
    private static let mostPending = 100
    let origin: String
    let plainOrigin: String
    private let clock: @Sendable () -> Int64
    private let entries = Mutex<[String: Entry]>([:])

    init(origin: String, plainOrigin: String, clock: @escaping @Sendable () -> Int64) {
        self.origin = origin
        self.plainOrigin = plainOrigin
        self.clock = clock
    }

    /// - Throws: ``VendorSimulatorError/invalid(_:)`` when a key is none.
    func subscribe(
        applicationServerKey: String?, plainHTTP: Bool, privateKey: Data? = nil, authSecret: Data? = nil
    ) throws -> PushSubscription {
        var expectedKey: Data?
        if let applicationServerKey {
            guard let bytes = JSONWebToken.base64URL(applicationServerKey),
                (try? P256.Signing.PublicKey(x963Representation: bytes)) != nil
            else { throw VendorSimulatorError.invalid("applicationServerKey is no public key of P-256") }
            expectedKey = bytes
        }
        if let authSecret, authSecret.count != 16 { throw VendorSimulatorError.invalid("authSecret is not 16 bytes") }
        let key: P256.KeyAgreement.PrivateKey
        if let privateKey {
            guard let given = try? P256.KeyAgreement.PrivateKey(rawRepresentation: privateKey) else {
                throw VendorSimulatorError.invalid("privateKey is no private key of P-256")
            }
            key = given
        } else {
            key = P256.KeyAgreement.PrivateKey()
        }
        return add(
            applicationServerKey: expectedKey, origin: plainHTTP ? plainOrigin : origin, privateKey: key,
            authSecret: authSecret ?? SymmetricKey(size: .bits128).withUnsafeBytes { Data($0) })
    }

    private func add(
        applicationServerKey: Data?, origin: String, privateKey: P256.KeyAgreement.PrivateKey, authSecret: Data
    ) -> PushSubscription {
        let id = LoginTokens.random(bytes: 24)
        let endpoint = origin + Self.path + id
        let p256dh = Self.base64URL(privateKey.publicKey.x963Representation)
        let auth = Self.base64URL(authSecret)
        let json: JSONValue = [
            "endpoint": .string(endpoint), "expirationTime": .null,
            "keys": ["p256dh": .string(p256dh), "auth": .string(auth)],
        ]
        let subscription = PushSubscription(token: json.text, endpoint: endpoint, p256dh: p256dh, auth: auth)
        let known = Known(
            subscription: subscription, origin: origin, privateKey: privateKey, authSecret: authSecret,
            applicationServerKey: applicationServerKey)
        entries.withLock { $0[id] = Entry(known: known) }
        return subscription
    }

    func find(path: String) -> Found {
        guard let entry = entries.withLock({ $0[Self.id(path)] }) else { return .unknown }
        return entry.isGone ? .gone : .live(entry.known)
    }

    func unsubscribe(endpoint: String) {
        entries.withLock {
            $0[Self.id(endpoint)]?.isGone = true
            $0[Self.id(endpoint)]?.pending = []
        }
    }

    /// Hands a message over, or keeps it for later.
    ///
    /// - Parameter ttl: seconds; 0 is never kept.
    /// - Returns: what the browser has now: the push, or nil while it is not connected.
    func deliver(_ push: RecordedPush, path: String, topic: String?, ttl: Int64) -> RecordedPush? {
        let expiresAt = clock() + ttl * 1000
        return entries.withLock { entries in
            guard let entry = entries[Self.id(path)], !entry.isGone else { return nil }
            guard !entry.isConnected else { return push }
            if ttl > 0 {
                var pending = entry.pending
                if let topic { pending.removeAll { $0.topic == topic } }
                if pending.count >= Self.mostPending { pending.removeFirst() }
                pending.append(Pending(topic: topic, push: push, expiresAt: expiresAt))
                entries[Self.id(path)]?.pending = pending
            }
            return nil
        }
    }

    /// - Returns: what waited for a browser that is connected now and has not expired.
    func setConnected(_ isConnected: Bool, endpoint: String) -> [RecordedPush] {
        let now = clock()
        return entries.withLock { entries in
            guard var entry = entries[Self.id(endpoint)] else { return [] }
            entry.isConnected = isConnected
            let due = isConnected ? entry.pending.filter { $0.expiresAt > now }.map(\.push) : []
            if isConnected { entry.pending = [] }
            entries[Self.id(endpoint)] = entry
            return due
        }
    }

    private static func id(_ pathOrEndpoint: String) -> String {
        String(pathOrEndpoint.split(separator: "/").last ?? "")
    }

    static func base64URL(_ data: Data) -> String {
        data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}

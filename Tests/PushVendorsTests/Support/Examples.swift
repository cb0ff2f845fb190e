import Crypto
import CryptoExtras
import Logging
import NIOCore
import PushCore
import Synchronization

@testable import PushVendors

/// 2023-11-14T22:13:20Z.
let exampleNow: Milliseconds = 1_700_000_000_000

func json(_ text: String) throws -> RawJSON { try RawJSON(parsing: Array(text.utf8)) }

func push(
    _ vendor: Vendor, token: String = "abcdef0123456789", kind: PushToken.Kind = .alert,
    environment: PushToken.Environment = .production, _ change: (inout VendorPush) -> Void = { _ in }
) -> VendorPush {
    var push = VendorPush(
        messageID: "m-1", tenantNo: "acme", account: "a-1", userID: "u-1", deviceID: "d-1",
        token: PushToken(vendor: vendor, token: token, kind: kind, environment: environment), title: "Title",
        body: "Body", timeToLiveSeconds: 3600)
    change(&push)
    return push
}

/// A wall clock that stands until it is moved.
final class HandClock: Sendable {
    private let time: Mutex<Milliseconds>

    init(_ now: Milliseconds = exampleNow) { time = Mutex(now) }

    var wall: WallClock { WallClock { self.time.withLock { $0 } } }

    func advance(minutes: Int64) { time.withLock { $0 += minutes * 60_000 } }
}

final class Counter: Sendable {
    private let count = Atomic(0)

    /// The number of this call, beginning with 1.
    func next() -> Int { count.add(1, ordering: .relaxed).newValue }
    var value: Int { count.load(ordering: .relaxed) }
}

func connections(
    allowsPrivate: Bool = true, caFile: String? = nil, timeout: TimeAmount = .seconds(10),
    resolver: HostResolver = .system
) throws -> ConnectionSettings {
    var settings = try ConnectionSettings(
        policy: EndpointPolicy(allowsPrivate: allowsPrivate, resolver: resolver), caFile: caFile,
        logger: Logger(label: "test"))
    settings.requestTimeout = timeout
    return settings
}

enum ExampleKeys {
    static let apns = P256.Signing.PrivateKey()
    /// Made once: an RSA key takes a while.
    static let fcm = Result { try _RSA.Signing.PrivateKey(keySize: .bits2048) }
}

func apnsSettings(endpoint: String? = nil, _ change: (inout JSONWriter) -> Void = { _ in }) -> RawJSON {
    .object { writer in
        writer.member("keyId", "ABC123DEFG")
        writer.member("teamId", "DEF123GHIJ")
        writer.member("topic", "com.example.app")
        writer.member("privateKey", ExampleKeys.apns.pemRepresentation)
        writer.member("endpoint", ifPresent: endpoint)
        change(&writer)
    }
}

func fcmSettings(endpoint: String? = nil, tokenURI: String? = nil) throws -> RawJSON {
    let pem = try ExampleKeys.fcm.get().pemRepresentation
    return .object { writer in
        writer.object("serviceAccount") { account in
            account.member("type", "service_account")
            account.member("project_id", "demo-1")
            account.member("private_key_id", "kid-1")
            account.member("private_key", pem)
            account.member("client_email", "push@demo-1.iam.gserviceaccount.com")
            account.member("token_uri", ifPresent: tokenURI)
        }
        writer.member("endpoint", ifPresent: endpoint)
    }
}

import AsyncHTTPClient
import Crypto
import Foundation
import NIOCore
import PushSimulators

/// An application server for Web Push, written from the RFCs step by step.
extension SimulatorClient {
    static func base64URL(_ data: some DataProtocol) -> String {
        Data(data).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    static func bytes(_ text: String) -> Data {
        let plain = text.replacing("-", with: "+").replacing("_", with: "/")
        return Data(base64Encoded: plain + String(repeating: "=", count: (4 - plain.count % 4) % 4)) ?? Data()
    }

    /// RFC 8291 section 3.4.
    static func encrypt(_ plaintext: Data, for subscription: PushSubscription, padding: Int = 0) throws -> Data {
        func hmac(_ key: Data, _ text: Data) -> Data {
            Data(HMAC<SHA256>.authenticationCode(for: text, using: SymmetricKey(data: key)))
        }
        let browser = bytes(subscription.p256dh)
        let sender = P256.KeyAgreement.PrivateKey()
        let senderKey = sender.publicKey.x963Representation
        let shared = try sender.sharedSecretFromKeyAgreement(
            with: P256.KeyAgreement.PublicKey(x963Representation: browser))
        let firstKey = hmac(bytes(subscription.auth), shared.withUnsafeBytes { Data($0) })
        let input = hmac(firstKey, Data("WebPush: info\0".utf8) + browser + senderKey + Data([1]))
        let salt = Data((0..<16).map { _ in UInt8.random(in: 0...255) })
        let key = hmac(salt, input)
        let contentKey = hmac(key, Data("Content-Encoding: aes128gcm\0\u{1}".utf8)).prefix(16)
        let nonce = hmac(key, Data("Content-Encoding: nonce\0\u{1}".utf8)).prefix(12)
        let sealed = try AES.GCM.seal(
            plaintext + Data([2]) + Data(count: padding), using: SymmetricKey(data: contentKey),
            nonce: AES.GCM.Nonce(data: nonce))
        return salt + Data([0, 0, 16, 0, 65]) + senderKey + sealed.ciphertext + sealed.tag
    }

    static func vapid(
        _ key: P256.Signing.PrivateKey, aud: String?, ttl: Int = 3600, sub: String? = "mailto:push@example.com",
        claimedKey: P256.Signing.PublicKey? = nil, algorithm: String = "ES256"
    ) throws -> String {
        var claims: [String: Any] = ["exp": now / 1000 + ttl]
        claims["aud"] = aud
        claims["sub"] = sub
        let signed =
            base64URL(Data(json(["typ": "JWT", "alg": algorithm]).utf8)) + "." + base64URL(Data(json(claims).utf8))
        let signature = try key.signature(for: Data(signed.utf8)).rawRepresentation
        let k = base64URL((claimedKey ?? key.publicKey).x963Representation)
        return "vapid t=\(signed).\(base64URL(signature)), k=\(k)"
    }

    static let plaintext = #"{"messageId":"m1","title":"Hi","body":"There","tag":"m1","data":{}}"#

    /// Sends a good message, but for what is given. A header that is nil is left out.
    func sendWebPush(
        _ subscription: PushSubscription, key: P256.Signing.PrivateKey, plaintext: String = plaintext,
        body: Data? = nil,
        headers changed: [String: String?] = [:], path: String? = nil
    ) async throws -> Reply {
        let origin = subscription.endpoint.split(separator: "/", maxSplits: 3).prefix(2).joined(separator: "//")
        var headers: [String: String?] = [
            "ttl": "60", "urgency": "high", "content-encoding": "aes128gcm", "content-type": "application/octet-stream",
            "authorization": try Self.vapid(key, aud: origin),
        ]
        for (name, value) in changed { headers[name] = value }
        var request = HTTPClientRequest(url: path.map { origin + $0 } ?? subscription.endpoint)
        request.method = .POST
        for (name, value) in headers { if let value { request.headers.add(name: name, value: value) } }
        let bytes = try body ?? Self.encrypt(Data(plaintext.utf8), for: subscription)
        if !bytes.isEmpty { request.body = .bytes(ByteBuffer(bytes: bytes)) }
        let response = try await http.execute(request, timeout: .seconds(10))
        let text = String(buffer: try await response.body.collect(upTo: 1 << 20))
        return Reply(
            status: Int(response.status.code), version: response.version, headers: response.headers, body: text)
    }

    // MARK: WNS

    func loginWNS(_ changed: [String: String?] = [:], tenant: String? = nil) async throws -> Reply {
        var fields: [String: String?] = [
            "grant_type": "client_credentials", "client_id": setting("clientId", of: .wns),
            "client_secret": setting("clientSecret", of: .wns), "scope": "https://wns.windows.com/.default",
        ]
        for (name, value) in changed { fields[name] = value }
        return try await postForm(
            "/\(tenant ?? setting("tenantId", of: .wns))/oauth2/v2.0/token", vendor: .wns, fields)
    }

    func wnsToken() async throws -> String { try await loginWNS().json["access_token"] as? String ?? "" }

    static let toast = """
        <toast launch="{&quot;messageId&quot;:&quot;m1&quot;}"><visual><binding template="ToastGeneric">\
        <text>Hi</text><text>There &amp; here</text></binding></visual></toast>
        """

    func sendWNS(
        _ channel: String, token: String?, headers changed: [String: String?] = [:], payload: String = toast,
        chunked: Bool = false
    ) async throws -> Reply {
        var headers: [String: String?] = ["content-type": "text/xml", "x-wns-type": "wns/toast"]
        headers["authorization"] = token.map { "Bearer \($0)" }
        for (name, value) in changed { headers[name] = value }
        var request = HTTPClientRequest(url: channel)
        request.method = .POST
        for (name, value) in headers { if let value { request.headers.add(name: name, value: value) } }
        let bytes = ByteBuffer(string: payload)
        request.body = chunked ? .stream([bytes].async, length: .unknown) : .bytes(bytes)
        let response = try await http.execute(request, timeout: .seconds(10))
        let text = String(buffer: try await response.body.collect(upTo: 1 << 20))
        return Reply(
            status: Int(response.status.code), version: response.version, headers: response.headers, body: text)
    }
}

/// One chunk as an asynchronous sequence, so that its length is not known beforehand.
struct OneChunk: AsyncSequence, Sendable {
    typealias Element = ByteBuffer
    let chunk: ByteBuffer

    struct AsyncIterator: AsyncIteratorProtocol {
        var chunk: ByteBuffer?

        mutating func next() async -> ByteBuffer? { chunk.take() }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(chunk: chunk) }
}

extension [ByteBuffer] {
    fileprivate var async: OneChunk { OneChunk(chunk: self[0]) }
}

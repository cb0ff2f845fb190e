import Foundation
import NIOCore
import Synchronization

/// A Web Push service and the browsers behind it: `POST` to the endpoint of a subscription (RFC 8030).
///
/// The service checks what a service can see. A message that the browser cannot decrypt is answered with 201, as it
/// would be, is never shown, and stands among the refused requests.
final class WebPushService: VendorService {
    let vendor = SimulatedVendor.webpush
    private static let mostBodyBytes = 4096
    private static let mostSeconds: Int64 = 2_592_000
    private static let urgencies: Set<String> = ["very-low", "low", "normal", "high"]
    private let subscriptions: PushSubscriptions
    private let verifier: VAPIDVerifier
    private let record: PushRecord
    private let faults: FaultBoard
    private let clock: @Sendable () -> Int64
    private let lastMessage = Atomic<Int>(0)

    init(
        subscriptions: PushSubscriptions, record: PushRecord, faults: FaultBoard, clock: @escaping @Sendable () -> Int64
    ) {
        self.subscriptions = subscriptions
        verifier = VAPIDVerifier(clock: clock)
        self.record = record
        self.faults = faults
        self.clock = clock
    }

    private struct Refused: Error {
        let response: SimulatorResponse

        init(_ errno: Int, _ detail: String) {
            response =
                WebPushError.response(errno: errno, refusal: detail)
                ?? WebPushError.response(500, detail, refusal: detail)
        }

        init(status: Int, errno: Int? = nil, _ detail: String) {
            response = WebPushError.response(status, errno: errno, detail, refusal: detail)
        }
    }

    /// What the headers of a request say.
    private struct Delivery {
        let ttl: Int64
        let topic: String?
    }

    func purpose(of request: SimulatorRequest) -> RequestPurpose? {
        request.path.hasPrefix("/wpush/") ? .send : nil
    }

    func answer(_ request: SimulatorRequest, on connection: SimulatorConnection) -> SimulatorResponse {
        do throws(Refused) {
            return try send(request)
        } catch {
            return error.response
        }
    }

    private func send(_ request: SimulatorRequest) throws(Refused) -> SimulatorResponse {
        guard request.method == "POST" else { throw Refused(status: 405, request.method) }
        let known = try subscription(request)
        let delivery = try Self.delivery(request)
        guard request.body.readableBytes <= Self.mostBodyBytes else {
            throw Refused(104, "the body has \(request.body.readableBytes) bytes")
        }
        if request.body.readableBytes > 0, request.headers.first(name: "content-encoding") != "aes128gcm" {
            throw Refused(101, "Content-Encoding is not aes128gcm")
        }
        let key = try authorize(request, known)
        if let dead = faults.deadToken(.webpush, token: known.subscription.token)
            ?? faults.deadToken(.webpush, token: known.subscription.endpoint)
        {
            return WebPushError.response(code: dead.code ?? "106") ?? WebPushError.response(410, "gone")
        }
        let id = "\(lastMessage.add(1, ordering: .relaxed).newValue)"
        var response = SimulatorResponse(
            status: 201, headers: [("location", "\(known.origin)/wpush/m/\(id)"), ("ttl", String(delivery.ttl))])
        do throws(UndecryptableMessage) {
            let push = try push(request, known, senderKey: key, id: id)
            if let push = subscriptions.deliver(push, path: request.path, topic: delivery.topic, ttl: delivery.ttl) {
                record.accept(push)
            }
        } catch {
            response.refusal = "the browser cannot decrypt the message: \(error.reason)"
        }
        return response
    }

    // MARK: What the service checks

    private func subscription(_ request: SimulatorRequest) throws(Refused) -> PushSubscriptions.Known {
        guard request.path.hasPrefix(PushSubscriptions.path) else { throw Refused(102, "unknown path") }
        switch subscriptions.find(path: request.path) {
        case .unknown: throw Refused(102, "there is no such subscription")
        case .gone: throw Refused(106, "unsubscribed")
        case .live(let known): return known
        }
    }

    private static func delivery(_ request: SimulatorRequest) throws(Refused) -> Delivery {
        let headers = request.headers
        for name in ["ttl", "topic", "urgency", "authorization", "content-encoding"] where headers[name].count > 1 {
            throw Refused(status: 400, "\(name) is there more than once")
        }
        guard let text = headers.first(name: "ttl") else { throw Refused(111, "no TTL") }
        guard text.utf8.allSatisfy({ (48...57).contains($0) }), let ttl = Int64(text), ttl <= mostSeconds else {
            throw Refused(112, "TTL is \(text)")
        }
        if let urgency = headers.first(name: "urgency"), !urgencies.contains(urgency) {
            throw Refused(status: 400, "Urgency is \(urgency)")
        }
        let topic = headers.first(name: "topic")
        if let topic, !(1...32).contains(topic.utf8.count) || !isBase64URL(topic) {
            throw Refused(113, "Topic is \(topic)")
        }
        return Delivery(ttl: ttl, topic: topic)
    }

    /// The alphabet alone: a topic need not decode to anything.
    private static func isBase64URL(_ text: String) -> Bool {
        text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }

    private func authorize(_ request: SimulatorRequest, _ known: PushSubscriptions.Known) throws(Refused) -> Data {
        do throws(VAPIDRefusal) {
            return try verifier.verify(
                request.headers.first(name: "authorization"), origin: known.origin,
                expectedKey: known.applicationServerKey)
        } catch {
            throw Refused(status: error.status, errno: 109, error.detail)
        }
    }

    // MARK: What the browser does

    private func push(
        _ request: SimulatorRequest, _ known: PushSubscriptions.Known, senderKey: Data, id: String
    ) throws(UndecryptableMessage) -> RecordedPush {
        var plaintext = ByteBuffer()
        if request.body.readableBytes > 0 {
            let message = try MessageEncryption.Message(request.body)
            guard message.senderKeyBytes != senderKey else {
                throw UndecryptableMessage(reason: "the signing key was used for the encryption as well")
            }
            plaintext.writeBytes(
                try MessageEncryption.decrypt(message, privateKey: known.privateKey, authSecret: known.authSecret))
        }
        let payload = try? JSONParser.parse(plaintext)
        // A browser shows a notification for each message, be it its own.
        return RecordedPush(
            vendor: .webpush, token: known.subscription.token, messageId: payload?["messageId"]?.string,
            title: payload?["title"]?.string, body: payload?["body"]?.string, form: .visible,
            replaceKey: payload?["tag"]?.string, vendorId: "\(known.origin)/wpush/m/\(id)", discarded: nil,
            receivedAt: clock(), payloadBytes: plaintext, fields: request.headers)
    }

    // MARK: Faults

    func tooManyRequests(retryAfter: String?) -> SimulatorResponse {
        WebPushError.response(429, "too many requests").adding("retry-after", retryAfter)
    }

    func serverError(status: Int, retryAfter: String?) -> SimulatorResponse {
        let errno = status == 503 ? 201 : status == 502 ? 903 : 999
        return WebPushError.response(status, errno: errno, "server error").adding("retry-after", retryAfter)
    }

    func expiredAuthorization(_ request: SimulatorRequest, on connection: SimulatorConnection) -> SimulatorResponse {
        WebPushError.response(401, errno: 109, "the token has expired")
    }

    func refusal(code: String) -> SimulatorResponse? { WebPushError.response(code: code) }
}

import Crypto
import Foundation
import NIOCore
import Synchronization

/// A tenant's receiver of Standard Webhooks 1.0: `POST /webhook/<name>` with `push.message` events.
final class WebhookService: VendorService {
    let vendor = SimulatedVendor.webhook
    private static let toleranceSeconds: Int64 = 300
    private static let mostBodyBytes = 20_000
    private static let mostRememberedIds = 100_000
    private let secret: SymmetricKey
    private let record: PushRecord
    private let faults: FaultBoard
    private let clock: @Sendable () -> Int64
    /// Events that were taken, so that a repeat with the same id is dropped, as every receiver should.
    private let seenIds = Mutex<Set<String>>([])

    /// - Parameter secret: the bytes behind `whsec_`.
    init(secret: Data, record: PushRecord, faults: FaultBoard, clock: @escaping @Sendable () -> Int64) {
        self.secret = SymmetricKey(data: secret)
        self.record = record
        self.faults = faults
        self.clock = clock
    }

    func purpose(of request: SimulatorRequest) -> RequestPurpose? {
        request.path.hasPrefix("/webhook/") && request.path.utf8.count > 9 ? .send : nil
    }

    private struct Refused: Error {
        let status: Int
        let reason: String

        init(_ status: Int, _ reason: String) {
            self.status = status
            self.reason = reason
        }
    }

    func answer(_ request: SimulatorRequest, on connection: SimulatorConnection) -> SimulatorResponse {
        do {
            guard request.method == "POST" else { throw Refused(405, "not POST") }
            let id = try verifySignature(request)
            // A probe asks for nothing; whose signature is right is told that somebody is there.
            if Self.isProbe(request) { return .json(200, "{}") }
            let data = try read(request)
            let token = data["token"]?.string ?? ""
            if faults.deadToken(.webhook, token: token) != nil {
                return .json(200, JSONValue.object(["rejected": [.string(token)]]).text)
            }
            record.accept(push(request, data, token: token, id: id))
            return .json(200, "{}")
        } catch let refused as Refused {
            return error(refused.status, refused.reason, refusal: refused.reason)
        } catch {
            return self.error(500, "internal error", refusal: "internal error")
        }
    }

    private func error(_ status: Int, _ text: String, refusal: String? = nil) -> SimulatorResponse {
        .json(status, JSONValue.object(["error": .string(text)]).text, refusal: refusal)
    }

    // MARK: Rules

    /// - Returns: the event's id.
    private func verifySignature(_ request: SimulatorRequest) throws -> String {
        guard let id = request.headers.first(name: "webhook-id"), !id.isEmpty, !id.contains(".") else {
            throw Refused(401, "webhook-id is absent or has a dot in it")
        }
        guard let timestamp = request.headers.first(name: "webhook-timestamp"), let seconds = Int64(timestamp) else {
            throw Refused(401, "webhook-timestamp is no number of seconds")
        }
        guard abs(clock() / 1000 - seconds) <= Self.toleranceSeconds else {
            throw Refused(401, "webhook-timestamp is more than 5 minutes off")
        }
        guard let signatures = request.headers.first(name: "webhook-signature") else {
            throw Refused(401, "webhook-signature is absent")
        }
        var signed = Data("\(id).\(timestamp).".utf8)
        request.body.withUnsafeReadableBytes { signed.append(contentsOf: $0) }
        let isValid = signatures.split(separator: " ").contains { entry in
            guard entry.hasPrefix("v1,"), let code = Data(base64Encoded: String(entry.dropFirst(3))) else {
                return false
            }
            // Compares in constant time.
            return HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: signed, using: secret)
        }
        guard isValid else { throw Refused(401, "no signature in webhook-signature is right") }
        return id
    }

    private static func isProbe(_ request: SimulatorRequest) -> Bool {
        (try? JSONParser.parse(request.body))?["type"]?.string == "push.check"
    }

    /// - Returns: the event's `data`.
    private func read(_ request: SimulatorRequest) throws -> JSONValue {
        guard request.contentType == "application/json" else { throw Refused(400, "the body is not declared as JSON") }
        guard request.body.readableBytes <= Self.mostBodyBytes else { throw Refused(413, "more than 20 000 bytes") }
        guard let event = try? JSONParser.parse(request.body) else { throw Refused(400, "the body is no JSON") }
        guard event["type"]?.string == "push.message" else { throw Refused(400, "type is not push.message") }
        guard let time = event["timestamp"]?.string, (try? Date(time, strategy: Self.timeStyle(time))) != nil else {
            throw Refused(400, "timestamp is not ISO 8601")
        }
        guard let data = event["data"], data.object != nil else { throw Refused(400, "data is no object") }
        for name in ["messageId", "token", "account", "userId", "deviceId", "collapseId"]
        where (data[name]?.string ?? "").isEmpty {
            throw Refused(400, "data.\(name) is no text")
        }
        guard let silent = data["silent"]?.bool else { throw Refused(400, "data.silent is not true or false") }
        guard let ttl = data["ttl"]?.integer, ttl >= 0 else { throw Refused(400, "data.ttl is no number of seconds") }
        guard let priority = data["priority"]?.string, ["high", "normal"].contains(priority) else {
            throw Refused(400, "data.priority is not high or normal")
        }
        guard data["data"]?.object != nil else { throw Refused(400, "data.data is no object") }
        if !silent {
            for name in ["title", "body"] where data[name]?.string == nil {
                throw Refused(400, "data.\(name) is no text")
            }
        }
        if let action = data["action"], action["type"]?.string == nil { throw Refused(400, "data.action has no type") }
        return data
    }

    private func push(_ request: SimulatorRequest, _ data: JSONValue, token: String, id: String) -> RecordedPush {
        let isRepeated = seenIds.withLock { seen in
            if seen.count >= Self.mostRememberedIds { seen = [] }
            return !seen.insert(id).inserted
        }
        return RecordedPush(
            vendor: .webhook, token: token, messageId: data["messageId"]?.string,
            title: data["title"]?.string, body: data["body"]?.string,
            form: data["silent"]?.bool == true ? .silent : .visible,
            replaceKey: data["collapseId"]?.string, vendorId: id, discarded: isRepeated ? .repeated : nil,
            receivedAt: clock(), payloadBytes: request.body, fields: request.headers)
    }

    private static func timeStyle(_ text: String) -> Date.ISO8601FormatStyle {
        Date.ISO8601FormatStyle(includingFractionalSeconds: text.contains("."))
    }

    // MARK: Faults

    func tooManyRequests(retryAfter: String?) -> SimulatorResponse {
        error(429, "too many requests").adding("retry-after", retryAfter)
    }

    func serverError(status: Int, retryAfter: String?) -> SimulatorResponse {
        error(status, "server error").adding("retry-after", retryAfter)
    }

    func expiredAuthorization(_ request: SimulatorRequest, on connection: SimulatorConnection) -> SimulatorResponse {
        error(401, "the signature is not accepted")
    }

    /// The receiver's codes are the HTTP statuses: `"410"`, `"302"` (with a Location that must not be followed).
    func refusal(code: String) -> SimulatorResponse? {
        guard let status = Int(code), (200...599).contains(status) else { return nil }
        return error(status, "as asked for").adding(
            "location", (300...399).contains(status) ? "/webhook/elsewhere" : nil)
    }
}

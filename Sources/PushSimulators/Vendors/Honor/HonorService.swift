import Foundation
import NIOCore
import Synchronization

/// HONOR Push: `POST /auth/token` (or the older `/auth/realms/developer/protocol/openid-connect/token`) and
/// `POST /api/v1/{appId}/sendMessage`.
final class HonorService: VendorService {
    /// An app in HONOR's console.
    struct App: Sendable {
        let appId: String
        let clientId: String
        let secret: String
    }

    let vendor = SimulatedVendor.honor
    private static let loginPaths: Set<String> = [
        "/auth/token", "/auth/realms/developer/protocol/openid-connect/token",
    ]
    private let apps: [App]
    private let tokens: ClientCredentialTokens
    private let record: PushRecord
    private let faults: FaultBoard
    private let clock: @Sendable () -> Int64
    private let lastRequest = Atomic<Int>(0)

    init(
        apps: [App], accessTokenSeconds: Int64, record: PushRecord, faults: FaultBoard,
        clock: @escaping @Sendable () -> Int64
    ) {
        self.apps = apps
        tokens = ClientCredentialTokens(
            secrets: Dictionary(apps.map { ($0.clientId, $0.secret) }) { first, _ in first },
            lifetimeSeconds: accessTokenSeconds, clock: clock)
        self.record = record
        self.faults = faults
        self.clock = clock
    }

    func revokeAccessTokens() { tokens.revokeAll() }

    private static func appId(_ path: String) -> Substring? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0].isEmpty, parts[1] == "api", parts[2] == "v1", !parts[3].isEmpty,
            parts[4] == "sendMessage"
        else { return nil }
        return parts[3]
    }

    func purpose(of request: SimulatorRequest) -> RequestPurpose? {
        if Self.loginPaths.contains(request.path) { return .login }
        return Self.appId(request.path) == nil ? nil : .send
    }

    func answer(_ request: SimulatorRequest, on connection: SimulatorConnection) -> SimulatorResponse {
        guard let appId = Self.appId(request.path) else { return login(request) }
        guard request.method == "POST" else {
            var response = front(405, "Method not allowed")
            response.refusal = "not POST"
            return response
        }
        do throws(HonorError) {
            try authorize(request, for: appId)
            guard let timestamp = request.headers.first(name: "timestamp").flatMap({ Int64($0) }),
                timestamp >= 1_000_000_000_000
            else { throw HonorError(80_100_001, "the header timestamp is no number of milliseconds") }
            guard request.contentType == "application/json" else {
                throw HonorError(80_100_003, "the Content-Type is not application/json")
            }
            guard let json = try? JSONParser.parse(request.body), json.object != nil else {
                throw HonorError(80_100_003, "the body is no JSON object")
            }
            return accept(request, try HonorRules(json, bytes: request.body.readableBytes))
        } catch {
            var response = HonorError.response(error.code, error.message) ?? front(500, error.message)
            response.refusal = "\(error.code): \(error.message)"
            return response
        }
    }

    private func login(_ request: SimulatorRequest) -> SimulatorResponse {
        do throws(ClientCredentialTokens.Refused) {
            return try tokens.exchange(request)
        } catch {
            var response = Self.loginError(error.status, error.code, error.description)
            response.refusal = "\(error.code): \(error.description)"
            return response
        }
    }

    private static func loginError(_ status: Int, _ code: String, _ description: String) -> SimulatorResponse {
        .json(status, JSONValue.object(["error": .string(code), "error_description": .string(description)]).text)
    }

    private func authorize(_ request: SimulatorRequest, for appId: Substring) throws(HonorError) {
        guard let token = request.bearerToken else { throw HonorError(80_200_001, "no access token") }
        switch tokens.state(of: token) {
        case .unknown: throw HonorError(80_200_001, "the access token is unknown")
        case .expired: throw HonorError(80_200_003, "the access token has expired")
        case .valid(let clientId):
            guard apps.contains(where: { $0.clientId == clientId && $0.appId == appId }) else {
                throw HonorError(80_200_001, "the access token is of another app")
            }
        }
    }

    private func front(_ status: Int, _ message: String) -> SimulatorResponse {
        .json(status, JSONValue.object(["code": .integer(Int64(status)), "message": .string(message)]).text)
    }

    // MARK: Delivery

    private func accept(_ request: SimulatorRequest, _ rules: HonorRules) -> SimulatorResponse {
        let id = requestId()
        let tokens = rules.tokens
        let faulty = faults.batch(.honor, tokens: tokens)
        if let code = faulty.dead.values.lazy.compactMap(\.code).first, faulty.dead.count == tokens.count,
            let response = refusal(code: code)
        {
            return response
        }
        let taken = faulty.taken(of: tokens.count)
        record.accept(pushes(request, rules, taken.map { tokens[$0] }, id: id))
        let failed = tokens.indices.filter { faulty.failed.contains($0) }.map { tokens[$0] }
        let expired = tokens.indices.filter { faulty.dead[$0] != nil }.map { tokens[$0] }
        // Dead tokens alone leave the code at 200; where nobody is left to send to, `sendResult` says so.
        let code: Int64 = failed.isEmpty ? 200 : 80_100_000
        return HonorError.response(
            code, data: Self.data(id, sent: !taken.isEmpty, failed: failed, expired: expired)) ?? front(500, "")
    }

    private static func data(_ id: String, sent: Bool, failed: [String], expired: [String]) -> JSONValue {
        [
            "sendResult": .bool(sent), "requestId": .string(id),
            "failTokens": .array(failed.map { .string($0) }), "expireTokens": .array(expired.map { .string($0) }),
        ]
    }

    private func requestId() -> String { "\(clock())\(lastRequest.add(1, ordering: .relaxed).newValue)" }

    private func pushes(
        _ request: SimulatorRequest, _ rules: HonorRules, _ tokens: [String], id: String
    ) -> [RecordedPush] {
        let notification = rules.android?["notification"]
        let notifyId = notification?["notifyId"]?.integer.flatMap { $0 < 0 ? nil : String($0) }
        let messageId = rules.data.flatMap { try? JSONParser.parse($0) }?["messageId"]?.string
        let ttl = rules.android?["ttl"]?.string.flatMap(HuaweiRules.seconds)
        let tag = rules.android?["biTag"]?.string
        let replaceKey = notification?["tag"]?.string ?? notifyId
        let (title, body) = (rules.title, rules.body)
        let form: RecordedPush.Form = rules.isVisible ? .visible : .silent
        let now = clock()
        return tokens.map { token in
            var push = RecordedPush(
                vendor: .honor, token: token, messageId: messageId, title: title, body: body,
                form: form, replaceKey: replaceKey, vendorId: id, discarded: nil,
                receivedAt: now, payloadBytes: request.body, fields: request.headers)
            push.timeToLive = ttl.map { $0 * 1000 }
            push.receiptTag = tag
            return push
        }
    }

    // MARK: Faults

    func tooManyRequests(retryAfter: String?) -> SimulatorResponse {
        front(429, "Too many requests").adding("retry-after", retryAfter)
    }

    func serverError(status: Int, retryAfter: String?) -> SimulatorResponse {
        front(status, "Server error").adding("retry-after", retryAfter)
    }

    func expiredAuthorization(_ request: SimulatorRequest, on connection: SimulatorConnection) -> SimulatorResponse {
        guard Self.appId(request.path) != nil else {
            return Self.loginError(401, "invalid_client", "Invalid client credentials")
        }
        return HonorError.response(80_200_003) ?? front(401, "")
    }

    /// The known codes, `"200"` with `sendResult` false, and the bare HTTP statuses `"401"`, `"403"`, `"429"`, `"500"`,
    /// `"502"`, `"503"`.
    func refusal(code: String) -> SimulatorResponse? {
        switch code {
        case "200":
            return HonorError.response(200, data: Self.data(requestId(), sent: false, failed: [], expired: []))
        case "401", "403", "429", "500", "502", "503": return Int(code).map { front($0, "As asked for") }
        default: return Int64(code).flatMap { HonorError.response($0) }
        }
    }

    func refusal(code: String, to request: SimulatorRequest) -> SimulatorResponse? {
        guard code == "80100000" else { return refusal(code: code) }
        let tokens = (try? JSONParser.parse(request.body))?["token"]?.array?.compactMap(\.string) ?? []
        return HonorError.response(
            80_100_000, data: Self.data(requestId(), sent: false, failed: tokens, expired: []))
    }
}

extension HonorService: ReceiptReporter {
    var pushesPerReceipt: Int { 100 }

    func receipt(
        _ event: ReceiptEvent, for pushes: [RecordedPush], key: ReceiptKey?, now: Int64
    ) throws(VendorSimulatorError) -> ReceiptRequest {
        let status = try Self.status(event)
        let items = pushes.map { push -> JSONValue in
            [
                "token": .string(push.token), "biTag": .string(push.receiptTag ?? ""), "status": .integer(status),
                "timestamp": .integer(now), "appid": .string(apps.first?.appId ?? ""),
                "requestId": .string(push.vendorId),
            ]
        }
        return ReceiptRequest(
            contentType: "application/json; charset=UTF-8", body: JSONValue.object(["statuses": .array(items)]).text)
    }

    private static func status(_ event: ReceiptEvent) throws(VendorSimulatorError) -> Int64 {
        switch event {
        case .delivered: return 40_000_002
        case .deadToken: return 40_000_004
        case .notificationsOff: return 40_000_005
        case .clicked: return 40_000_007
        case .limited: return 40_000_009
        case .vendorStatus(let text):
            guard let status = Int64(text) else { throw .invalid("honor: \(text) is no status") }
            return status
        case .replaced, .expired: throw .invalid("honor reports nothing of the kind")
        }
    }
}

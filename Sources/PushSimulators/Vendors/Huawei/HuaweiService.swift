import Crypto
import Foundation
import NIOCore
import Synchronization

/// Huawei Push Kit: `POST /oauth2/v3/token` (or `v2`), `POST /v1/{appId}/messages:send` and
/// `POST /v2/{projectId}/messages:send`.
final class HuaweiService: VendorService {
    /// An app in AppGallery Connect; its id is also its OAuth client id.
    struct App: Sendable {
        let appId: String
        let projectId: String
        let secret: String
    }

    let vendor = SimulatedVendor.huawei
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
            secrets: Dictionary(apps.map { ($0.appId, $0.secret) }) { first, _ in first },
            lifetimeSeconds: accessTokenSeconds, clock: clock)
        self.record = record
        self.faults = faults
        self.clock = clock
    }

    func revokeAccessTokens() { tokens.revokeAll() }

    /// `/v1/{id}/messages:send`; nil for any other path.
    private static func target(_ path: String) -> (version: Substring, id: Substring)? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0].isEmpty, parts[1] == "v1" || parts[1] == "v2", !parts[2].isEmpty,
            parts[3] == "messages:send"
        else { return nil }
        return (parts[1], parts[2])
    }

    func purpose(of request: SimulatorRequest) -> RequestPurpose? {
        if request.path == "/oauth2/v3/token" || request.path == "/oauth2/v2/token" { return .login }
        return Self.target(request.path) == nil ? nil : .send
    }

    func answer(_ request: SimulatorRequest, on connection: SimulatorConnection) -> SimulatorResponse {
        guard let target = Self.target(request.path) else { return login(request) }
        guard request.method == "POST" else {
            var response = front(405, "Method not allowed")
            response.refusal = "not POST"
            return response
        }
        do throws(HuaweiError) {
            try authorize(request, for: target)
            guard request.contentType == "application/json" else {
                throw HuaweiError("80100003", "Illegal payload, the Content-Type is not application/json")
            }
            guard let json = try? JSONParser.parse(request.body), json.object != nil else {
                throw HuaweiError("80100003", "Illegal payload, the body is no JSON object")
            }
            return accept(request, try HuaweiRules(json, bytes: request.body.readableBytes))
        } catch {
            var response =
                HuaweiError.response(error.code, error.message, requestId: requestId()) ?? front(500, error.message)
            response.refusal = "\(error.code): \(error.message)"
            return response
        }
    }

    private func login(_ request: SimulatorRequest) -> SimulatorResponse {
        do throws(ClientCredentialTokens.Refused) {
            return try tokens.exchange(request)
        } catch {
            var response = Self.loginError(error.status, error.description)
            response.refusal = "\(error.code): \(error.description)"
            return response
        }
    }

    private static func loginError(_ status: Int, _ description: String) -> SimulatorResponse {
        .json(status, JSONValue.object(["error": 1101, "error_description": .string(description)]).text)
    }

    private func authorize(
        _ request: SimulatorRequest, for target: (version: Substring, id: Substring)
    ) throws(HuaweiError) {
        guard let token = request.bearerToken else { throw HuaweiError("80200001", "Oauth authentication error") }
        switch tokens.state(of: token) {
        case .unknown: throw HuaweiError("80200001", "Oauth authentication error")
        case .expired: throw HuaweiError("80200003", "Oauth Token expired")
        case .valid(let clientId):
            guard let app = apps.first(where: { $0.appId == clientId }),
                target.id == (target.version == "v1" ? app.appId : app.projectId)
            else { throw HuaweiError("80200001", "Oauth authentication error: the token is of another app") }
        }
    }

    private func requestId() -> String {
        "\(clock())\(String(format: "%06d", lastRequest.add(1, ordering: .relaxed).newValue % 1_000_000))001001"
    }

    private func front(_ status: Int, _ message: String) -> SimulatorResponse {
        .json(status, HuaweiError.body(nil, message, requestId: requestId()))
    }

    // MARK: Delivery

    private func accept(_ request: SimulatorRequest, _ rules: HuaweiRules) -> SimulatorResponse {
        let id = requestId()
        let tokens = rules.tokens
        var faulty = faults.batch(.huawei, tokens: tokens)
        for (position, token) in tokens.enumerated() where token.isEmpty || token.utf8.contains(UInt8(ascii: " ")) {
            faulty.failed.insert(position)
        }
        if let code = faulty.dead.values.lazy.compactMap(\.code).first, faulty.dead.count == tokens.count,
            code != "80100000", code != "80300007"
        {
            return HuaweiError.response(code, nil, requestId: id) ?? front(500, "no code")
        }
        let taken = faulty.taken(of: tokens.count)
        record.accept(pushes(request, rules, taken.map { tokens[$0] }, id: id))
        guard taken.count < tokens.count else { return success(id) }
        let refused = tokens.indices.filter { faulty.dead[$0] != nil || faulty.failed.contains($0) }.map { tokens[$0] }
        let message = HuaweiError.illegalTokens(refused, of: tokens.count)
        let code = taken.isEmpty ? "80300007" : "80100000"
        return HuaweiError.response(code, message, requestId: id) ?? front(500, "no code")
    }

    private func success(_ id: String) -> SimulatorResponse {
        .json(200, HuaweiError.body("80000000", "Success", requestId: id))
    }

    private func pushes(
        _ request: SimulatorRequest, _ rules: HuaweiRules, _ tokens: [String], id: String
    ) -> [RecordedPush] {
        let notification = rules.android?["notification"]
        let notifyId = notification?["notify_id"]?.integer.flatMap { $0 < 0 ? nil : String($0) }
        let recipients =
            rules.message["token"] == nil
            ? [rules.message["topic"]?.string ?? rules.message["condition"]?.string ?? ""] : tokens
        let messageId = rules.data.flatMap { try? JSONParser.parse($0) }?["messageId"]?.string
        let ttl = rules.android?["ttl"]?.string.flatMap(HuaweiRules.seconds)
        let isDryRun = rules.request["validate_only"]?.bool == true
        let tag = rules.android?["bi_tag"]?.string
        let replaceKey = notification?["tag"]?.string ?? notifyId
        let (title, body) = (rules.title, rules.body)
        let form: RecordedPush.Form = rules.isVisible ? .visible : .silent
        let now = clock()
        return recipients.map { token in
            var push = RecordedPush(
                vendor: .huawei, token: token, messageId: messageId, title: title, body: body,
                form: form, replaceKey: replaceKey, vendorId: id,
                discarded: isDryRun ? .dryRun : nil, receivedAt: now, payloadBytes: request.body,
                fields: request.headers)
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
        let response =
            status == 500
            ? HuaweiError.response("81000001", nil, requestId: requestId())
            : front(status, status == 503 ? "Flow control" : "Bad gateway")
        return (response ?? front(status, "")).adding("retry-after", retryAfter)
    }

    func expiredAuthorization(_ request: SimulatorRequest, on connection: SimulatorConnection) -> SimulatorResponse {
        guard Self.target(request.path) != nil else { return Self.loginError(401, "invalid client") }
        return refusal(code: "80200003") ?? front(401, "")
    }

    /// Every code of the table, and the bare HTTP statuses `"401"`, `"404"`, `"500"`, `"502"`, `"503"`.
    func refusal(code: String) -> SimulatorResponse? {
        if ["401", "404", "500", "502", "503"].contains(code), let status = Int(code) {
            return front(status, "As asked for")
        }
        return HuaweiError.response(code, nil, requestId: requestId())
    }

    func refusal(code: String, to request: SimulatorRequest) -> SimulatorResponse? {
        guard code == "80100000" || code == "80300007" else { return refusal(code: code) }
        let tokens = (try? JSONParser.parse(request.body))?["message"]?["token"]?.array?.compactMap(\.string) ?? []
        return HuaweiError.response(
            code, HuaweiError.illegalTokens(tokens, of: tokens.count), requestId: requestId())
    }
}

extension HuaweiService: ReceiptReporter {
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
        var headers: [(name: String, value: String)] = []
        if let key {
            let nonce = UUID().uuidString
            let code = HMAC<SHA256>.authenticationCode(
                for: Data("\(now)\(nonce)\(key.username)".utf8), using: SymmetricKey(data: Data(key.key.utf8)))
            headers = [
                ("x-huawei-callback-id", "timestamp=\(now); nonce=\(nonce); value=\(Data(code).base64EncodedString())")
            ]
        }
        return ReceiptRequest(
            headers: headers, contentType: "application/json; charset=UTF-8",
            body: JSONValue.object(["statuses": .array(items)]).text)
    }

    private static func status(_ event: ReceiptEvent) throws(VendorSimulatorError) -> Int64 {
        switch event {
        case .delivered: return 0
        case .deadToken: return 5
        case .notificationsOff: return 6
        case .replaced: return 15
        case .limited: return 102
        case .vendorStatus(let text):
            guard let status = Int64(text) else { throw .invalid("huawei: \(text) is no status") }
            return status
        case .clicked, .expired: throw .invalid("huawei reports nothing of the kind")
        }
    }
}

import NIOCore
import Synchronization

/// FCM HTTP v1: `POST /v1/projects/{project}/messages:send`, and `POST /token` in the place of
/// `oauth2.googleapis.com`.
final class FCMService: VendorService {
    let vendor = SimulatedVendor.fcm
    private static let mostSeconds = 2_419_200.0
    private static let mostBytes = 4096
    private static let mostTopicBytes = 2048
    private let project: String
    private let accessTokens: AccessTokens
    private let record: PushRecord
    private let faults: FaultBoard
    private let clock: @Sendable () -> Int64
    private let lastMessage = Atomic<Int>(0)
    private let sendPath: String

    init(
        project: String, accessTokens: AccessTokens, record: PushRecord, faults: FaultBoard,
        clock: @escaping @Sendable () -> Int64
    ) {
        self.project = project
        self.accessTokens = accessTokens
        self.record = record
        self.faults = faults
        self.clock = clock
        sendPath = "/v1/projects/\(project)/messages:send"
    }

    func purpose(of request: SimulatorRequest) -> RequestPurpose? {
        if request.path == "/token" { return .login }
        return request.path.hasPrefix("/v1/projects/") ? .send : nil
    }

    func answer(_ request: SimulatorRequest, on connection: SimulatorConnection) -> SimulatorResponse {
        guard request.path != "/token" else { return accessTokens.exchange(request) }
        guard request.path.hasSuffix("/messages:send") else {
            return refused(FCMError.response(404, "NOT_FOUND", "Method not found."), "unknown path")
        }
        guard request.method == "POST" else {
            return refused(FCMError.response(404, "NOT_FOUND", "Method not found."), "not POST")
        }
        guard let token = request.bearerToken, accessTokens.isValid(token) else {
            return refused(FCMError.unauthenticated, "UNAUTHENTICATED: the access token")
        }
        guard request.path == sendPath else {
            return refused(FCMError.response(404, "NOT_FOUND", "Requested entity was not found."), "another project")
        }
        guard request.contentType == "application/json" else {
            return refused(
                FCMError.response(400, "INVALID_ARGUMENT", "Invalid content type: expected application/json."),
                "content-type is \(request.contentType ?? "absent")")
        }
        do throws(FCMViolation) {
            return try send(request)
        } catch {
            return refused(FCMError.violation(error), "INVALID_ARGUMENT: \(error.description)")
        }
    }

    private func refused(_ response: SimulatorResponse, _ reason: String) -> SimulatorResponse {
        var response = response
        response.refusal = reason
        return response
    }

    // MARK: Rules

    private func send(_ request: SimulatorRequest) throws(FCMViolation) -> SimulatorResponse {
        guard let json = try? JSONParser.parse(request.body) else {
            throw FCMViolation(
                field: "", description: "Invalid JSON payload received. Unexpected token.", isUnreadable: true)
        }
        let body = try FCMField.request.checked(json, at: "")
        guard let message = body["message"] else {
            throw .refused("message", "Recipient of the message is not set.")
        }
        let targets = ["token", "topic", "condition", "fid"].filter { message[$0] != nil }
        guard let target = targets.first else {
            throw .refused("message", "Recipient of the message is not set.")
        }
        guard targets.count == 1 else {
            throw FCMViolation(
                field: "message",
                description: "Invalid value at 'message' (oneof), oneof field 'target' is already set. "
                    + "Cannot set '\(targets[1])'",
                isUnreadable: true)
        }
        let recipient = message[target]?.string ?? ""
        if target == "topic", !Self.isTopic(recipient) {
            throw .refused("message.topic", "Malformed topic name")
        }
        try checkData(message["data"], at: "message.data")
        try checkAndroid(message["android"])
        try checkAPNs(message["apns"])
        if let link = message["webpush"]?["fcm_options"]?["link"]?.string, !link.hasPrefix("https://") {
            throw .refused("message.webpush.fcm_options.link", "The link must be an HTTPS URL")
        }
        let size = Self.size(message)
        guard size <= (target == "token" || target == "fid" ? Self.mostBytes : Self.mostTopicBytes) else {
            throw .refused("message", "Message is too big: \(size) bytes")
        }
        guard target == "topic" || target == "condition" || Self.isToken(recipient) else {
            return refused(FCMError.invalidToken, "INVALID_ARGUMENT: malformed token")
        }
        if let dead = faults.deadToken(.fcm, token: recipient) {
            return FCMError.response(code: dead.code ?? "UNREGISTERED") ?? FCMError.invalidToken
        }
        return accept(request, message, recipient, isDryRun: body["validate_only"]?.bool ?? false)
    }

    private static func isTopic(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.allSatisfy { isWord($0) || "-_.~%".utf8.contains($0) }
    }

    private static func isToken(_ token: String) -> Bool {
        (1...4096).contains(token.utf8.count) && token.utf8.allSatisfy { isWord($0) || "-_.~:%".utf8.contains($0) }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }

    private func checkData(_ data: JSONValue?, at path: String) throws(FCMViolation) {
        for name in (data?.object ?? [:]).keys
        where name == "from" || name == "message_type" || name.hasPrefix("google") || name.hasPrefix("gcm") {
            throw .refused("\(path).\(name)", "Invalid data payload key: \(name)")
        }
    }

    private func checkAndroid(_ android: JSONValue?) throws(FCMViolation) {
        guard let android else { return }
        try checkData(android["data"], at: "message.android.data")
        if let ttl = android["ttl"]?.string.flatMap(FCMField.seconds), !(0...Self.mostSeconds).contains(ttl) {
            throw .refused("message.android.ttl", "Invalid value for TTL: it must be from 0s to 2419200s")
        }
        let notification = android["notification"]
        if let color = notification?["color"]?.string {
            guard color.utf8.count == 7, color.hasPrefix("#"), color.dropFirst().allSatisfy(\.isHexDigit) else {
                throw .refused("message.android.notification.color", "Color must be in #rrggbb format")
            }
        }
        if let count = notification?["notification_count"]?.integer, count < 0 {
            throw .refused("message.android.notification.notification_count", "It must not be negative")
        }
    }

    private func checkAPNs(_ apns: JSONValue?) throws(FCMViolation) {
        guard let payload = apns?["payload"] else { return }
        if payload.text.utf8.count > Self.mostBytes {
            throw .refused("message.apns.payload", "APNs payload is too big")
        }
    }

    /// What counts against the limit: names and values of data and notification, general and Android's own.
    private static func size(_ message: JSONValue) -> Int {
        [message["data"], message["notification"], message["android"]?["data"], message["android"]?["notification"]]
            .reduce(0) { $0 + size(of: $1) }
    }

    private static func size(of value: JSONValue?) -> Int {
        switch value {
        case .object(let members): members.reduce(0) { $0 + $1.key.utf8.count + size(of: $1.value) }
        case .array(let items): items.reduce(0) { $0 + size(of: $1) }
        case .string(let text): text.utf8.count
        case .integer, .double, .bool: 4
        default: 0
        }
    }

    private func accept(
        _ request: SimulatorRequest, _ message: JSONValue, _ recipient: String, isDryRun: Bool
    ) -> SimulatorResponse {
        let number = lastMessage.add(1, ordering: .relaxed).newValue
        let name = "projects/\(project)/messages/0:\(number)%\(UInt64(clock()))"
        let general = message["notification"]
        let android = message["android"]?["notification"]
        let alert = message["apns"]?["payload"]?["aps"]?["alert"]
        let isVisible = general != nil || android != nil || alert != nil
        record.accept(
            RecordedPush(
                vendor: .fcm, token: recipient, messageId: message["data"]?["messageId"]?.string,
                title: android?["title"]?.string ?? general?["title"]?.string ?? alert?["title"]?.string,
                body: android?["body"]?.string ?? general?["body"]?.string ?? alert?["body"]?.string,
                form: isVisible ? .visible : .silent,
                replaceKey: android?["tag"]?.string ?? message["android"]?["collapse_key"]?.string,
                vendorId: name, discarded: isDryRun ? .dryRun : nil, receivedAt: clock(),
                payloadBytes: request.body, fields: request.headers))
        return .json(200, #"{"name":"\#(name)"}"#)
    }

    // MARK: Faults

    func tooManyRequests(retryAfter: String?) -> SimulatorResponse { FCMError.quotaExceeded(retryAfter: retryAfter) }

    func serverError(status: Int, retryAfter: String?) -> SimulatorResponse {
        FCMError.server(status: status, retryAfter: retryAfter)
    }

    func expiredAuthorization(_ request: SimulatorRequest, on connection: SimulatorConnection) -> SimulatorResponse {
        guard request.path != "/token" else {
            return .json(400, #"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#)
        }
        return FCMError.unauthenticated
    }

    func refusal(code: String) -> SimulatorResponse? { FCMError.response(code: code) }
}

import Foundation
import NIOCore

/// Windows Push Notification Services: `POST` to a channel URI, and Microsoft's token endpoint. HTTP/1.1 with
/// Content-Length; the answers are in the headers.
///
/// A toast has no replace key, whatever its tag: that desktops replace by it is not documented, so each toast rings.
final class WNSService: VendorService {
    let vendor = SimulatedVendor.wns
    private static let channelPath = "/w/"
    private let login: WNSLogin
    private let channels: WNSChannels
    private let record: PushRecord
    private let faults: FaultBoard
    private let clock: @Sendable () -> Int64

    init(
        credentials: WNSCredentials, channels: WNSChannels, record: PushRecord, faults: FaultBoard,
        clock: @escaping @Sendable () -> Int64
    ) {
        login = WNSLogin(credentials: credentials, clock: clock)
        self.channels = channels
        self.record = record
        self.faults = faults
        self.clock = clock
    }

    func purpose(of request: SimulatorRequest) -> RequestPurpose? {
        if request.path.hasSuffix(WNSLogin.pathEnd) { return .login }
        return request.path == Self.channelPath ? .send : nil
    }

    func answer(_ request: SimulatorRequest, on connection: SimulatorConnection) -> SimulatorResponse {
        guard request.path == Self.channelPath else { return login.answer(request) }
        do throws(WNSRefusal) {
            return try send(request)
        } catch {
            return Self.response(error.status, detail: error.detail, refusal: "\(error.status): \(error.detail)")
        }
    }

    private func send(_ request: SimulatorRequest) throws(WNSRefusal) -> SimulatorResponse {
        guard request.method == "POST" else { throw WNSRefusal(405, request.method) }
        guard request.headers.contains(name: "content-length") else {
            throw WNSRefusal(400, "no Content-Length: chunked bodies are not supported")
        }
        guard let token = request.bearerToken, login.isValid(token) else {
            throw WNSRefusal(401, "the access token is absent, unknown or has expired")
        }
        guard let (uri, channel) = channels.find(query: request.query) else {
            throw WNSRefusal(404, "there is no such channel")
        }
        switch channel {
        case .open: break
        case .otherApp: throw WNSRefusal(403, "the channel belongs to another app")
        case .closed: throw WNSRefusal(410, "the channel has expired")
        }
        let notification = try WNSNotification(request)
        if let dead = faults.deadToken(.wns, token: uri) {
            return refusal(code: dead.code ?? "410") ?? Self.response(410)
        }
        let id = LoginTokens.random(bytes: 8).uppercased()
        record.accept(
            RecordedPush(
                vendor: .wns, token: uri, messageId: notification.messageId, title: notification.title,
                body: notification.body, form: notification.kind == .toast ? .visible : .silent, replaceKey: nil,
                vendorId: id, discarded: nil, receivedAt: clock(), payloadBytes: request.body, fields: request.headers))
        return Self.response(200, state: "received", id: id)
            .adding("X-WNS-DeviceConnectionStatus", notification.wantsStatus ? "connected" : nil)
    }

    // MARK: Answers

    private static func response(
        _ status: Int, state: String? = nil, id: String? = nil, detail: String? = nil, refusal: String? = nil
    ) -> SimulatorResponse {
        var response = SimulatorResponse(status: status, refusal: refusal)
        response.headers = [
            ("X-WNS-Msg-ID", id ?? LoginTokens.random(bytes: 8).uppercased()),
            ("X-WNS-Debug-Trace", "SIMULATOR"),
        ]
        return response.adding("X-WNS-Status", state).adding("X-WNS-Error-Description", detail)
    }

    // MARK: Faults

    /// A channel that is throttled is told how long in a header of its own, in seconds; a date goes into `Retry-After`.
    func tooManyRequests(retryAfter: String?) -> SimulatorResponse {
        let response = Self.response(406, state: "channelthrottled", detail: "the throttle limit was exceeded")
        guard let retryAfter else { return response }
        return response.adding(Int(retryAfter) == nil ? "retry-after" : "X-WNS-CONTINUE-AFTER", retryAfter)
    }

    /// The token endpoint is another server, with the usual 429.
    func tooManyRequests(_ request: SimulatorRequest, retryAfter: String?) -> SimulatorResponse {
        guard purpose(of: request) == .login else { return tooManyRequests(retryAfter: retryAfter) }
        return SimulatorResponse.json(
            429, #"{"error":"temporarily_unavailable","error_description":"AADSTS90055: too many requests"}"#
        ).adding("retry-after", retryAfter)
    }

    func serverError(status: Int, retryAfter: String?) -> SimulatorResponse {
        Self.response(status, detail: "server error").adding("retry-after", retryAfter)
    }

    func expiredAuthorization(_ request: SimulatorRequest, on connection: SimulatorConnection) -> SimulatorResponse {
        guard purpose(of: request) == .login else { return Self.response(401, detail: "the access token has expired") }
        return WNSLogin.response(code: "invalid_client") ?? Self.response(401)
    }

    /// The codes are the HTTP statuses, `dropped` and `channelthrottled` (which come with 200), and OAuth's error codes
    /// for logins.
    func refusal(code: String) -> SimulatorResponse? {
        switch code {
        case "dropped", "channelthrottled": return Self.response(200, state: code)
        case "406": return tooManyRequests(retryAfter: nil)
        case "400", "401", "403", "404", "405", "410", "413", "500", "503":
            return Int(code).map { Self.response($0, detail: "as asked for") }
        default: return WNSLogin.response(code: code)
        }
    }
}

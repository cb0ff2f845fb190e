import Crypto
import Foundation
import NIOCore
import Synchronization

/// Meizu push: `POST /garcia/api/server/push/varnished/pushByPushId`. Each request is signed: there is no login. The
/// pass-through call (`unvarnished`) is refused, as Meizu restricts it.
final class MeizuService: VendorService {
    let vendor = SimulatedVendor.meizu
    private static let path = "/garcia/api/server/push/varnished/pushByPushId"
    private static let passThroughPath = "/garcia/api/server/push/unvarnished/pushByPushId"
    private let appId: String
    private let secret: String
    private let record: PushRecord
    private let faults: FaultBoard
    private let clock: @Sendable () -> Int64
    private let lastMessage = Atomic<UInt64>(0)

    init(
        appId: String, secret: String, record: PushRecord, faults: FaultBoard, clock: @escaping @Sendable () -> Int64
    ) {
        self.appId = appId
        self.secret = secret
        self.record = record
        self.faults = faults
        self.clock = clock
    }

    func purpose(of request: SimulatorRequest) -> RequestPurpose? {
        request.path == Self.path || request.path == Self.passThroughPath ? .send : nil
    }

    func answer(_ request: SimulatorRequest, on connection: SimulatorConnection) -> SimulatorResponse {
        do throws(MeizuError) {
            guard request.method == "POST" else { throw MeizuError("1005", "the method is not POST") }
            guard request.contentType == "application/x-www-form-urlencoded", let form = FormFields(request.body)
            else { throw MeizuError("1005", "the body is no form") }
            guard request.path == Self.path else { throw MeizuError("110053", "pass-through is restricted") }
            return accept(request, try MeizuRules(form, appId: appId, secret: secret))
        } catch {
            var response =
                MeizuError.response(error.code, error.message) ?? SimulatorResponse(status: 500, body: error.message)
            response.refusal = "\(error.code): \(error.message)"
            return response
        }
    }

    // MARK: Delivery

    private func accept(_ request: SimulatorRequest, _ rules: MeizuRules) -> SimulatorResponse {
        let tokens = rules.tokens
        let faulty = faults.batch(.meizu, tokens: tokens)
        var failed: [String: [String]] = [:]
        for (position, token) in tokens.enumerated() {
            if let dead = faulty.dead[position] {
                failed[dead.code.flatMap { MeizuError.idCodes.contains($0) ? $0 : nil } ?? "110002", default: []]
                    .append(token)
            } else if faulty.failed.contains(position) {
                failed["110003", default: []].append(token)
            }
        }
        let id = messageId()
        let taken = faulty.taken(of: tokens.count).map { tokens[$0] }
        record.accept(pushes(request, rules, taken, id: id))
        return success(id, failed: failed)
    }

    private func success(_ id: String, failed: [String: [String]]) -> SimulatorResponse {
        let value = JSONValue.object(failed.mapValues { .array($0.map { .string($0) }) })
        return .json(
            200,
            JSONValue.object(["code": "200", "message": "", "value": value, "msgId": .string(id), "redirect": ""])
                .text)
    }

    /// `NS`, the date's milliseconds and a number: 32 characters.
    private func messageId() -> String {
        let number = lastMessage.add(1, ordering: .relaxed).newValue
        let hex = String(UInt64(max(0, clock())), radix: 16) + String(format: "%016llx", number)
        return "NS" + String(repeating: "0", count: max(0, 30 - hex.count)) + hex
    }

    private func pushes(
        _ request: SimulatorRequest, _ rules: MeizuRules, _ tokens: [String], id: String
    ) -> [RecordedPush] {
        let message = rules.message
        let bar = message["noticeBarInfo"]
        let hours = message["pushTimeInfo"]?["validTime"]?.integer
        let isStored = message["pushTimeInfo"]?["offLine"]?.integer != 0
        let messageId = message["clickTypeInfo"]?["parameters"]?["messageId"]?.string
        let (title, body) = (bar?["title"]?.string, bar?["content"]?.string)
        let receiptTag = message["extra"]?["callback.param"]?.string
        let receiptURL = message["extra"]?["callback"]?.string
        let now = clock()
        return tokens.map { token in
            var push = RecordedPush(
                vendor: .meizu, token: token, messageId: messageId, title: title, body: body, form: .visible,
                replaceKey: rules.notifyKey, vendorId: id,
                discarded: nil, receivedAt: now, payloadBytes: request.body, fields: request.headers)
            push.timeToLive = isStored ? (hours ?? 24) * 3_600_000 : 0
            push.receiptTag = receiptTag
            push.receiptURL = receiptURL
            return push
        }
    }

    // MARK: Faults

    func tooManyRequests(retryAfter: String?) -> SimulatorResponse {
        (MeizuError.response("110010", status: 429) ?? SimulatorResponse(status: 429))
            .adding("retry-after", retryAfter)
    }

    func serverError(status: Int, retryAfter: String?) -> SimulatorResponse {
        (MeizuError.response("1001", status: status) ?? SimulatorResponse(status: status))
            .adding("retry-after", retryAfter)
    }

    func expiredAuthorization(_ request: SimulatorRequest, on connection: SimulatorConnection) -> SimulatorResponse {
        MeizuError.response("1006") ?? SimulatorResponse(status: 401)
    }

    /// Codes of a call; codes of single ids (all but 110010, which is both) come for every id of the request.
    func refusal(code: String) -> SimulatorResponse? {
        if let response = MeizuError.response(code) { return response }
        return MeizuError.idCodes.contains(code) ? success(messageId(), failed: [code: []]) : nil
    }

    func refusal(code: String, to request: SimulatorRequest) -> SimulatorResponse? {
        guard MeizuError.callCodes[code] == nil, MeizuError.idCodes.contains(code) else { return refusal(code: code) }
        let ids = FormFields(request.body)?["pushIds"]?.split(separator: ",").map(String.init) ?? []
        return success(messageId(), failed: [code: ids])
    }
}

extension MeizuService: ReceiptReporter {
    var pushesPerReceipt: Int { 1000 }

    func receipt(
        _ event: ReceiptEvent, for pushes: [RecordedPush], key: ReceiptKey?, now: Int64
    ) throws(VendorSimulatorError) -> ReceiptRequest {
        let type = try Self.type(event)
        var members: [String: JSONValue] = [:]
        for (id, group) in Dictionary(grouping: pushes, by: \.vendorId) {
            members["\(id)-\(type)"] = [
                "param": .string(group.first?.receiptTag ?? ""), "type": .integer(type),
                "targets": .array(group.map { .string($0.token) }),
            ]
        }
        let access = Insecure.MD5.hash(data: Data((appId + secret).utf8)).map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
        return ReceiptRequest(
            contentType: "application/x-www-form-urlencoded",
            body: FormFields.text(["cb": JSONValue.object(members).text, "access_token": access]))
    }

    private static func type(_ event: ReceiptEvent) throws(VendorSimulatorError) -> Int64 {
        switch event {
        case .delivered: return 1
        case .clicked: return 2
        case .vendorStatus(let text):
            guard let type = Int64(text) else { throw .invalid("meizu: \(text) is no type") }
            return type
        default: throw .invalid("meizu reports nothing of the kind")
        }
    }
}

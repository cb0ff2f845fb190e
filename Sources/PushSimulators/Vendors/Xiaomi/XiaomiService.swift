import Foundation
import NIOCore
import Synchronization

/// Mi Push: `POST /v2/message/regid` and `POST /v3/message/regid`. The key is static: there is no login.
final class XiaomiService: VendorService {
    let vendor = SimulatedVendor.xiaomi
    private static let paths: Set<String> = ["/v2/message/regid", "/v3/message/regid"]
    private static let mostJobs = 200_000
    private let packageName: String
    private let authorization: String
    private let requiresChannel: Bool
    private let record: PushRecord
    private let faults: FaultBoard
    private let clock: @Sendable () -> Int64
    private let lastRequest = Atomic<Int>(0)

    private struct Job: Hashable {
        let token: String
        let key: String
    }
    /// What devices had already, so that a repeat is dropped. The lock also keeps a batch together.
    private let seenJobs = Mutex<Set<Job>>([])

    init(
        packageName: String, secret: String, requiresChannel: Bool, record: PushRecord, faults: FaultBoard,
        clock: @escaping @Sendable () -> Int64
    ) {
        self.packageName = packageName
        authorization = "key=\(secret)"
        self.requiresChannel = requiresChannel
        self.record = record
        self.faults = faults
        self.clock = clock
    }

    func purpose(of request: SimulatorRequest) -> RequestPurpose? {
        Self.paths.contains(request.path) ? .send : nil
    }

    func answer(_ request: SimulatorRequest, on connection: SimulatorConnection) -> SimulatorResponse {
        do throws(XiaomiError) {
            guard request.method == "POST" else { throw XiaomiError(10_012, "the method is not POST") }
            guard request.headers.first(name: "authorization") == authorization else {
                throw XiaomiError(21_301, "Authorization is not key=<AppSecret>")
            }
            guard request.contentType == "application/x-www-form-urlencoded", let form = FormFields(request.body)
            else { throw XiaomiError(10_008, "the body is no form") }
            let rules = try XiaomiRules(
                form, packageName: packageName, requiresChannel: requiresChannel, now: clock())
            return try accept(request, rules)
        } catch {
            var response = error.response(traceId: traceId())
            response.refusal = "\(error.code): \(error.message)"
            return response
        }
    }

    private func nextId() -> String {
        let number = String(lastRequest.add(1, ordering: .relaxed).newValue, radix: 36)
        return "\(clock())\(number)"
    }

    private func traceId() -> String { "Xsm\(nextId())" }

    // MARK: Delivery

    private func accept(_ request: SimulatorRequest, _ rules: XiaomiRules) throws(XiaomiError) -> SimulatorResponse {
        let faulty = faults.batch(.xiaomi, tokens: rules.tokens)
        if faulty.dead.count == rules.tokens.count,
            let code = faulty.dead.values.lazy.compactMap(\.code).first.flatMap({ Int64($0) })
        {
            // Asked for, so it is not noted as a refusal.
            return XiaomiError(code, "invalid regid").response(traceId: traceId())
        }
        let id = "scm\(nextId())"
        record.accept(
            pushes(request, rules, id: id, unreachable: { faulty.dead[$0] != nil || faulty.failed.contains($0) }))
        return .json(
            200,
            JSONValue.object([
                "result": "ok", "trace_id": .string(traceId()), "code": 0, "description": "success",
                "info": .string("Received push messages for \(rules.tokens.count) REGID"),
                "data": ["id": .string(id)],
            ]).text)
    }

    private func pushes(
        _ request: SimulatorRequest, _ rules: XiaomiRules, id: String, unreachable: (Int) -> Bool
    ) -> [RecordedPush] {
        let now = clock()
        let jobKey = rules.extra("jobkey")
        let messageId = rules.messageId
        let replaceKey = rules.form["notify_id"]
        let (title, body) = (rules.form["title"], rules.form["description"])
        let timeToLive = rules.timeToLive
        let (receiptTag, receiptURL) = (rules.extra("callback.param"), rules.extra("callback"))
        let form: RecordedPush.Form = rules.isVisible ? .visible : .silent
        return seenJobs.withLock { seen in
            if seen.count >= Self.mostJobs { seen = [] }
            return rules.tokens.enumerated().map { position, token in
                var discarded: RecordedPush.Discard?
                if unreachable(position) {
                    discarded = .deadToken
                } else if let jobKey, !seen.insert(Job(token: token, key: jobKey)).inserted {
                    discarded = .repeated
                }
                var push = RecordedPush(
                    vendor: .xiaomi, token: token, messageId: messageId, title: title, body: body, form: form,
                    replaceKey: replaceKey, vendorId: id,
                    discarded: discarded, receivedAt: now, payloadBytes: request.body, fields: request.headers)
                push.timeToLive = timeToLive
                push.receiptTag = receiptTag
                push.receiptURL = receiptURL
                return push
            }
        }
    }

    // MARK: Faults

    func tooManyRequests(retryAfter: String?) -> SimulatorResponse {
        (XiaomiError.response(200_002, traceId: traceId(), status: 429) ?? SimulatorResponse(status: 429))
            .adding("retry-after", retryAfter)
    }

    func serverError(status: Int, retryAfter: String?) -> SimulatorResponse {
        (XiaomiError.response(10_001, traceId: traceId(), status: status) ?? SimulatorResponse(status: status))
            .adding("retry-after", retryAfter)
    }

    func expiredAuthorization(_ request: SimulatorRequest, on connection: SimulatorConnection) -> SimulatorResponse {
        XiaomiError(21_301, "invalid key").response(traceId: traceId())
    }

    func refusal(code: String) -> SimulatorResponse? {
        Int64(code).flatMap { XiaomiError.response($0, traceId: traceId()) }
    }
}

extension XiaomiError {
    func response(traceId: String) -> SimulatorResponse {
        XiaomiError.response(code, message, traceId: traceId) ?? SimulatorResponse(status: 500, refusal: message)
    }
}

extension XiaomiService: ReceiptReporter {
    var pushesPerReceipt: Int { 1000 }

    func receipt(
        _ event: ReceiptEvent, for pushes: [RecordedPush], key: ReceiptKey?, now: Int64
    ) throws(VendorSimulatorError) -> ReceiptRequest {
        let type = try Self.type(event)
        var members: [String: JSONValue] = [:]
        for (id, group) in Dictionary(grouping: pushes, by: \.vendorId) {
            let form = group.first.flatMap { FormFields($0.payloadBytes) }
            var item: [String: JSONValue] = [
                "param": .string(group.first?.receiptTag ?? ""), "type": .integer(type),
                "targets": .string(group.map(\.token).joined(separator: ",")), "timestamp": .integer(now),
            ]
            item["jobkey"] = form?["extra.jobkey"].map { .string($0) }
            if type == 16 { item["errorCode"] = 102 }
            members[id] = .object(item)
        }
        return ReceiptRequest(
            contentType: "application/x-www-form-urlencoded",
            body: FormFields.text(["data": JSONValue.object(members).text]))
    }

    private static func type(_ event: ReceiptEvent) throws(VendorSimulatorError) -> Int64 {
        switch event {
        case .delivered: return 1
        case .clicked: return 2
        case .deadToken: return 16
        case .notificationsOff: return 32
        case .limited: return 128
        case .expired: return 1024
        case .vendorStatus(let text):
            guard let type = Int64(text) else { throw .invalid("xiaomi: \(text) is no type") }
            return type
        case .replaced: throw .invalid("xiaomi reports nothing of the kind")
        }
    }
}

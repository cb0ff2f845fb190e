import NIOCore
import Synchronization

/// OPPO Push: `POST /server/v1/auth`, `…/message/notification/unicast` and `…/unicast_batch`. Everything is answered
/// with 200 and a code in the body. The token of the login is taken from the form or from the header `auth_token`.
final class OPPOService: VendorService {
    let vendor = SimulatedVendor.oppo
    private static let authPath = "/server/v1/auth"
    private static let unicastPath = "/server/v1/message/notification/unicast"
    private static let batchPath = "/server/v1/message/notification/unicast_batch"
    private static let mostMessages = 1000
    private let login: OPPOLogin
    private let record: PushRecord
    private let faults: FaultBoard
    private let clock: @Sendable () -> Int64
    private let lastMessage = Atomic<Int>(0)
    /// Which `app_message_id` went to which target: the same one is sent once.
    private let sent: Mutex<RecentKeys<Void>>

    init(
        credentials: OPPOCredentials, rememberedMessages: Int, record: PushRecord, faults: FaultBoard,
        clock: @escaping @Sendable () -> Int64
    ) {
        login = OPPOLogin(credentials: credentials, clock: clock)
        sent = Mutex(RecentKeys(most: rememberedMessages))
        self.record = record
        self.faults = faults
        self.clock = clock
    }

    func purpose(of request: SimulatorRequest) -> RequestPurpose? {
        if request.path == Self.authPath { return .login }
        return request.path.hasPrefix("/server/v1/") ? .send : nil
    }

    func answer(_ request: SimulatorRequest, on connection: SimulatorConnection) -> SimulatorResponse {
        guard request.method == "POST" else { return OPPOCode.methodNotAllowed.response(refusal: request.method) }
        switch request.path {
        case Self.authPath: return login.answer(request)
        case Self.unicastPath, Self.batchPath: break
        default: return OPPOCode.notFound.response(status: 404, refusal: "unknown path")
        }
        guard let form = FormFields(request) else {
            return OPPOCode.invalidArgument.response(refusal: "the body is no form")
        }
        guard let token = form["auth_token"] ?? request.headers.first(name: "auth_token"), !token.isEmpty else {
            return OPPOCode.missingToken.response(refusal: "no auth_token")
        }
        guard login.isValid(token) else { return OPPOCode.invalidToken.response(refusal: "unknown auth_token") }
        return request.path == Self.unicastPath ? unicast(request, form) : batch(request, form)
    }

    // MARK: One message

    private func unicast(_ request: SimulatorRequest, _ form: FormFields) -> SimulatorResponse {
        guard let text = form["message"] else { return OPPOCode.missingArgument.response(refusal: "no message") }
        guard let value = try? JSONParser.parse(text) else {
            return OPPOCode.invalidArgument.response(refusal: "message is no JSON")
        }
        do throws(CodedRefusal) {
            let message = try OPPOMessage(value)
            guard message.isTargetValid else {
                return OPPOCode.invalidRegistrationId.response(refusal: "target_value is no registration id")
            }
            if let dead = faults.deadToken(.oppo, token: message.target) {
                return Self.code(dead.code).response()
            }
            let id = nextId()
            let isRepeated = isRepeated(message)
            record.accept(push(message, request, payload: ByteBuffer(string: text), id: id, isRepeated: isRepeated))
            let code = isRepeated ? OPPOCode.duplicate : .success
            var members = code.members
            members["data"] = ["messageId": .string(id)]
            return .json(200, JSONValue.object(members).text)
        } catch {
            return (OPPOCode(rawValue: error.code) ?? .invalidArgument).response(refusal: error.detail)
        }
    }

    // MARK: Many messages

    private func batch(_ request: SimulatorRequest, _ form: FormFields) -> SimulatorResponse {
        guard let text = form["messages"] else {
            return OPPOCode.missingArgument.response(refusal: "no messages")
        }
        guard let values = (try? JSONParser.parse(text))?.array else {
            return OPPOCode.invalidArgument.response(refusal: "messages is no JSON array")
        }
        guard (1...Self.mostMessages).contains(values.count) else {
            return OPPOCode.invalidArgument.response(refusal: "\(values.count) messages")
        }
        let checked = values.map { value in Result { () throws(CodedRefusal) in try OPPOMessage(value) } }
        let targets = checked.enumerated().map { index, result in
            (try? result.get().target) ?? values[index]["target_value"]?.string ?? ""
        }
        let befallen = faults.batch(.oppo, tokens: targets)
        var items: [JSONValue] = []
        items.reserveCapacity(values.count)
        var pushes: [RecordedPush] = []
        pushes.reserveCapacity(values.count)
        var refusal: String?
        for (index, result) in checked.enumerated() {
            var item: [String: JSONValue] = ["registrationId": .string(targets[index])]
            var failed: OPPOCode?
            switch result {
            case .failure(let wrong):
                failed = OPPOCode(rawValue: wrong.code) ?? .invalidArgument
                refusal = refusal ?? "\(wrong.code) in message \(index): \(wrong.detail)"
            case .success(let message):
                if !message.isTargetValid {
                    failed = .invalidRegistrationId
                    refusal = refusal ?? "10000 in message \(index): target_value is no registration id"
                } else if let dead = befallen.dead[index] {
                    failed = Self.code(dead.code)
                } else if befallen.failed.contains(index) {
                    failed = .serviceUnavailable
                } else {
                    let id = nextId()
                    let isRepeated = isRepeated(message)
                    if isRepeated { failed = .duplicate }
                    item["messageId"] = .string(id)
                    pushes.append(
                        push(
                            message, request, payload: ByteBuffer(string: values[index].text), id: id,
                            isRepeated: isRepeated))
                }
            }
            if let failed {
                item["errorCode"] = .integer(Int64(failed.rawValue))
                item["errorMessage"] = .string(failed.message)
            }
            items.append(.object(item))
        }
        record.accept(pushes)
        var members = OPPOCode.success.members
        members["data"] = .array(items)
        return .json(200, JSONValue.object(members).text, refusal: refusal)
    }

    // MARK: Accepted

    private func nextId() -> String {
        "oppo-\(lastMessage.add(1, ordering: .relaxed).newValue)-\(clock())"
    }

    private func isRepeated(_ message: OPPOMessage) -> Bool {
        guard let id = message.appMessageId else { return false }
        let key = "\(message.target) \(id)"
        return sent.withLock { sent in
            guard sent[key] == nil else { return true }
            sent.remember(key, ())
            return false
        }
    }

    private func push(
        _ message: OPPOMessage, _ request: SimulatorRequest, payload: ByteBuffer, id: String, isRepeated: Bool
    ) -> RecordedPush {
        var push = RecordedPush(
            vendor: .oppo, token: message.target, messageId: message.messageId, title: message.title,
            body: message.content, form: .visible, replaceKey: message.notifyId.map(String.init), vendorId: id,
            discarded: isRepeated ? .repeated : nil, receivedAt: clock(), payloadBytes: payload,
            fields: request.headers)
        push.receiptURL = message.receiptURL
        push.receiptTag = message.receiptTag
        return push
    }

    // MARK: Faults

    private static func code(_ text: String?) -> OPPOCode {
        text.flatMap { Int($0) }.flatMap(OPPOCode.init(rawValue:)) ?? .invalidRegistrationId
    }

    func tooManyRequests(retryAfter: String?) -> SimulatorResponse {
        OPPOCode.flowControl.response(status: 429).adding("retry-after", retryAfter)
    }

    func serverError(status: Int, retryAfter: String?) -> SimulatorResponse {
        OPPOCode.serviceUnavailable.response(status: status).adding("retry-after", retryAfter)
    }

    func expiredAuthorization(_ request: SimulatorRequest, on connection: SimulatorConnection) -> SimulatorResponse {
        (request.path == Self.authPath ? OPPOCode.invalidSignature : .invalidToken).response()
    }

    func refusal(code: String) -> SimulatorResponse? {
        guard let number = Int(code), let code = OPPOCode(rawValue: number) else { return nil }
        return code.response()
    }
}

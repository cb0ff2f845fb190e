import NIOCore
import Synchronization

/// vivo Push: `POST /message/auth`, `/message/send`, `/message/saveListPayload` and `/message/pushToList`. Everything is
/// answered with 200 and a result in the body.
///
/// Whether vivo drops a repeat of a `requestId` is not documented. Here the same id for the same recipients and the same
/// `notifyId` is a repeat and is taken; for anything else it is refused, because it has to be unique.
///
/// A dead token is told in `invalidUser` or `invalidUsers`, with status 2; asked for with the code `10302` it is that
/// result (in a list: status 1).
final class VivoService: VendorService {
    let vendor = SimulatedVendor.vivo
    private static let recipients = 2...1000
    private static let mostPayloads = 10_000

    /// A message that was saved for lists.
    private struct SavedPayload {
        let message: VivoMessage
        let bytes: ByteBuffer
    }

    private struct State {
        var payloads = RecentKeys<SavedPayload>(most: VivoService.mostPayloads)
        var requestIds: RecentKeys<String>
    }

    private let credentials: VivoCredentials
    private let login: VivoLogin
    private let record: PushRecord
    private let faults: FaultBoard
    private let clock: @Sendable () -> Int64
    private let lastTask = Atomic<Int>(0)
    private let state: Mutex<State>

    init(
        credentials: VivoCredentials, rememberedRequests: Int, record: PushRecord, faults: FaultBoard,
        clock: @escaping @Sendable () -> Int64
    ) {
        self.credentials = credentials
        login = VivoLogin(credentials: credentials, clock: clock)
        state = Mutex(State(requestIds: RecentKeys(most: rememberedRequests)))
        self.record = record
        self.faults = faults
        self.clock = clock
    }

    func purpose(of request: SimulatorRequest) -> RequestPurpose? {
        if request.path == "/message/auth" { return .login }
        return request.path.hasPrefix("/message/") ? .send : nil
    }

    func answer(_ request: SimulatorRequest, on connection: SimulatorConnection) -> SimulatorResponse {
        do throws(CodedRefusal) {
            return try checkedAnswer(request)
        } catch {
            return VivoResult.response(error.code, refusal: error.detail)
        }
    }

    private func checkedAnswer(_ request: SimulatorRequest) throws(CodedRefusal) -> SimulatorResponse {
        guard request.method == "POST" else {
            return VivoResult.response(VivoResult.parameters, status: 405, refusal: "not POST")
        }
        guard request.contentType == "application/json" else {
            throw CodedRefusal(VivoResult.parameters, "the body is not declared as JSON")
        }
        guard let members = (try? JSONParser.parse(request.body))?.object else {
            throw CodedRefusal(VivoResult.parameters, "the body is no JSON object")
        }
        let fields = CodedFields(members: members, invalid: VivoResult.parameters)
        if request.path == "/message/auth" { return try login.answer(fields) }
        guard let token = request.headers.first(name: "authtoken"), login.isValid(token) else {
            throw CodedRefusal(VivoResult.authorizationFailed, "authToken is absent or unknown")
        }
        guard let appId = fields["appId"]?.integer else {
            throw CodedRefusal(VivoResult.parameters, "appId is no number")
        }
        guard appId == credentials.appId else { throw CodedRefusal(VivoResult.otherApp, "appId is \(appId)") }
        switch request.path {
        case "/message/send": return try send(request, fields)
        case "/message/saveListPayload": return try save(request, fields)
        case "/message/pushToList": return try pushToList(request, fields)
        default: return VivoResult.response(VivoResult.parameters, status: 404, refusal: "unknown path")
        }
    }

    // MARK: The calls

    private func send(_ request: SimulatorRequest, _ fields: CodedFields) throws(CodedRefusal) -> SimulatorResponse {
        let regId = try fields.text("regId", most: 4096) ?? ""
        let alias = try fields.text("alias", most: 70) ?? ""
        // regId wins.
        let target = regId.isEmpty ? alias : regId
        guard !target.isEmpty else {
            throw CodedRefusal(VivoResult.missingTarget, "neither regId nor alias")
        }
        let message = try VivoMessage(fields)
        guard Self.isToken(target) else { throw CodedRefusal(VivoResult.illegalRegId, "regId is no single word") }
        try useRequestId(message.requestId, for: "\(message.notifyId ?? 0) \(target)")
        let task = nextTask()
        var members = VivoResult.members(VivoResult.success, "success")
        members["taskId"] = .string(task)
        if let dead = faults.deadToken(.vivo, token: target) {
            guard dead.code != String(VivoResult.illegalRegId) else {
                return VivoResult.response(VivoResult.illegalRegId)
            }
            members["invalidUser"] = Self.invalidUser(target, code: dead.code)
        } else {
            record.accept(push(message, request, to: target, task: task, payload: request.body))
        }
        return .json(200, JSONValue.object(members).text)
    }

    private func save(_ request: SimulatorRequest, _ fields: CodedFields) throws(CodedRefusal) -> SimulatorResponse {
        for name in ["regId", "regIds", "alias"] where fields[name] != nil {
            throw CodedRefusal(VivoResult.parameters, "\(name) does not belong into a list's message")
        }
        let message = try VivoMessage(fields)
        try useRequestId(message.requestId, for: "\(message.notifyId ?? 0) payload \(message.messageId ?? "")")
        let task = nextTask()
        state.withLock { $0.payloads.remember(task, SavedPayload(message: message, bytes: request.body)) }
        var members = VivoResult.members(VivoResult.success, "success")
        members["taskId"] = .string(task)
        return .json(200, JSONValue.object(members).text)
    }

    private func pushToList(
        _ request: SimulatorRequest, _ fields: CodedFields
    ) throws(CodedRefusal) -> SimulatorResponse {
        let requestId = try VivoMessage.requestId(fields)
        guard let task = try fields.text("taskId", most: 256, invalid: VivoResult.task),
            let saved = state.withLock({ $0.payloads[task] })
        else { throw CodedRefusal(VivoResult.task, "unknown taskId") }
        guard let values = fields["regIds"]?.array else {
            throw CodedRefusal(VivoResult.recipients, "regIds is no array")
        }
        guard Self.recipients.contains(values.count) else {
            throw CodedRefusal(VivoResult.recipients, "\(values.count) regIds")
        }
        let tokens = values.compactMap(\.string)
        guard tokens.count == values.count else { throw CodedRefusal(VivoResult.recipients, "a regId is no text") }
        let recipients = Set(tokens)
        guard recipients.count == tokens.count else {
            throw CodedRefusal(VivoResult.recipients, "a regId is there twice")
        }
        // A message that is saved again has a new task, so the task does not tell a repeat.
        try useRequestId(requestId, for: "\(saved.message.notifyId ?? 0) list \(recipients.hashValue)")
        let befallen = faults.batch(.vivo, tokens: tokens)
        var invalid: [JSONValue] = []
        var pushes: [RecordedPush] = []
        pushes.reserveCapacity(tokens.count)
        for (index, token) in tokens.enumerated() {
            if !Self.isToken(token) || befallen.failed.contains(index) {
                invalid.append(Self.invalidUser(token, code: "1"))
            } else if let dead = befallen.dead[index] {
                invalid.append(Self.invalidUser(token, code: dead.code))
            } else {
                pushes.append(push(saved.message, request, to: token, task: task, payload: saved.bytes))
            }
        }
        record.accept(pushes)
        var members = VivoResult.members(VivoResult.success, "success")
        members["taskId"] = .string(task)
        if !invalid.isEmpty { members["invalidUsers"] = .array(invalid) }
        return .json(200, JSONValue.object(members).text)
    }

    // MARK: Rules

    private static func isToken(_ token: String) -> Bool {
        (1...512).contains(token.utf8.count)
            && token.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ",") }
    }

    private func useRequestId(_ id: String, for use: String) throws(CodedRefusal) {
        let isReused = state.withLock { state in
            if let earlier = state.requestIds[id] { return earlier != use }
            state.requestIds.remember(id, use)
            return false
        }
        if isReused { throw CodedRefusal(VivoResult.requestId, "requestId was used for something else") }
    }

    private func nextTask() -> String { "\(lastTask.add(1, ordering: .relaxed).newValue)" }

    private func push(
        _ message: VivoMessage, _ request: SimulatorRequest, to token: String, task: String, payload: ByteBuffer
    ) -> RecordedPush {
        var push = RecordedPush(
            vendor: .vivo, token: token, messageId: message.messageId, title: message.title, body: message.content,
            form: .visible, replaceKey: message.notifyId.map(String.init), vendorId: task, discarded: nil,
            receivedAt: clock(), payloadBytes: payload, fields: request.headers)
        push.receiptURL = message.receiptURL
        push.receiptTag = message.receiptTag
        return push
    }

    // MARK: Faults

    /// `code`: `invalidUser.1` to `invalidUser.4`, or the bare number.
    private static func status(_ code: String?) -> Int64? {
        guard let code else { return 2 }
        if code == String(VivoResult.illegalRegId) { return 1 }
        guard let status = Int64(code.hasPrefix("invalidUser.") ? code.dropFirst(12) : code[...]) else { return nil }
        return (1...4).contains(status) ? status : nil
    }

    private static func invalidUser(_ token: String, code: String?) -> JSONValue {
        ["userid": .string(token), "status": .integer(status(code) ?? 2)]
    }

    func tooManyRequests(retryAfter: String?) -> SimulatorResponse {
        VivoResult.response(VivoResult.tooManySends, status: 429).adding("retry-after", retryAfter)
    }

    func serverError(status: Int, retryAfter: String?) -> SimulatorResponse {
        .json(status, #"{"result":\#(status),"desc":"server error"}"#).adding("retry-after", retryAfter)
    }

    func expiredAuthorization(_ request: SimulatorRequest, on connection: SimulatorConnection) -> SimulatorResponse {
        VivoResult.response(VivoResult.authorizationFailed)
    }

    func refusal(code: String) -> SimulatorResponse? {
        if code.hasPrefix("invalidUser."), Self.status(code) != nil {
            var members = VivoResult.members(VivoResult.success, "success")
            members["invalidUser"] = Self.invalidUser("", code: code)
            return .json(200, JSONValue.object(members).text)
        }
        guard let result = Int(code), VivoResult.texts[result] != nil else { return nil }
        return VivoResult.response(result)
    }
}

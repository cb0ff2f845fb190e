import Logging
import PushTestSupport
import Synchronization
import Testing

@testable import PushCore

@Suite struct BeforeSendQuestionsTests {
    /// Answers what a test says, and keeps what it was asked.
    private final class Service: CallbackCaller {
        private let asked = Mutex<[CallbackRequest]>([])
        private let reply: @Sendable (CallbackRequest) -> CallbackAnswer

        init(_ reply: @escaping @Sendable (CallbackRequest) -> CallbackAnswer) { self.reply = reply }

        convenience init(status: Int = 200, _ body: String) {
            self.init { _ in .answered(status: status, body: Array(body.utf8), retryAfterSeconds: nil) }
        }

        var requests: [CallbackRequest] { asked.withLock { $0 } }

        func check(url: String) throws(GatewayError) {}

        func post(_ request: CallbackRequest, within timeout: Duration) async -> CallbackAnswer {
            asked.withLock { $0.append(request) }
            return reply(request)
        }
    }

    private func questions(
        _ service: Service, format: WebhookSettings.Format = .standard, onFailure: WebhookSettings.OnFailure = .allow,
        token: String? = nil, lasting: Duration = .zero
    ) -> BeforeSendQuestions {
        let settings = WebhookSettings(
            url: "https://service.example/ask", secret: "whsec_" + String(repeating: "A", count: 32), beforeSend: true,
            format: format, token: token, onFailure: onFailure)
        let moments = Mutex(ContinuousClock.now)
        return BeforeSendQuestions(
            settings: { _ in settings }, callback: TencentCallbackForm(apps: { _ in [.sample()] }), caller: service,
            limits: Limits(), clock: WallClock { 1_669_872_112_000 }, logger: Logger(label: "test"),
            monotonic: {
                moments.withLock { now in
                    now += lasting
                    return now
                }
            })
    }

    private func question(form: AddressForm = .single, content: String = #"{"text":"hi"}"#) throws -> MessageQuestion {
        MessageQuestion(
            message: try .sample(form: form, content: .json(content)), sender: "ann", receiver: "bob",
            groupType: "Public")
    }

    private static let denied = "The tenant's service has refused the message."

    // MARK: Standard form

    @Test(arguments: [
        (#"{"action":"allow"}"#, BeforeSendVerdict.allow), (#"{"action":"drop"}"#, .drop),
        (#"{"action":"deny"}"#, .deny(.init(code: nil), reason: denied)),
        (#"{"action":"deny","code":"spam","reason":"No."}"#, .deny(.init(code: "spam"), reason: "No.")),
        (#"{"action":"deny","code":4711,"reason":"No."}"#, .deny(.init(code: "4711"), reason: "No.")),
        (#"{"action":"deny","code":"two words"}"#, .deny(.init(code: nil), reason: denied)),
    ])
    func `each answer has its meaning`(_ body: String, _ verdict: BeforeSendVerdict) async throws {
        let found = try await questions(Service(body)).ask(try question(), from: .sample)
        #expect(found == verdict)
    }

    @Test func `content is replaced`() async throws {
        let found = try await questions(Service(#"{"action":"replace","content":{"text":"salut"}}"#))
            .ask(try question(), from: .sample)
        #expect(found == .replace(type: nil, content: try .json(#"{"text":"salut"}"#)))
    }

    @Test(arguments: [
        (200, ""), (200, "yes"), (200, "{}"), (200, #"{"action":"maybe"}"#), (500, #"{"action":"deny"}"#),
        (302, #"{"action":"deny"}"#), (200, #"{"action":"replace"}"#), (200, #"{"action":"replace","content":5}"#),
        (200, #"{"action":"replace","content":{"no":"text"}}"#),
    ])
    func `what is no answer leaves it to the tenant's default`(_ status: Int, _ body: String) async throws {
        let allowing = questions(Service(status: status, body))
        let allowed = try await allowing.ask(try question(), from: .sample)
        #expect(allowed == .allow)
        #expect(allowing.figures().outcomes == ["failed": 1])
        let denying = questions(Service(status: status, body), onFailure: .deny)
        guard case .deny(let denial, _) = try await denying.ask(try question(), from: .sample) else {
            Issue.record("the default was not kept")
            return
        }
        #expect(denial == .init(code: nil, number: 80003))
    }

    @Test func `a question is signed and says what would be archived`() async throws {
        let service = Service(#"{"action":"allow"}"#)
        _ = try await questions(service).ask(try question(), from: .sample)
        let request = try #require(service.requests.first)
        let fields = Dictionary(request.fields, uniquingKeysWith: { $1 })
        #expect(fields["webhook-id"]?.hasPrefix("ask_m-1_") == true && fields["webhook-timestamp"] == "1669872112")
        #expect(fields["webhook-signature"]?.hasPrefix("v1,") == true)
        let body = try RawJSON(parsing: request.body)
        #expect(body.object?["type"]?.string == "message.before_send")
        let message = body.object?["data"]?.object?["message"]?.object
        #expect(message?["id"]?.string == "m-1" && message?["from"]?.string == "acct_a")
        #expect(message?["content"]?.text == #"{"text":"hi"}"#)
    }

    /// Receivers drop what they have seen by this id: a message that is sent again, or edited, is another question.
    @Test func `each question has an id of its own`() async throws {
        let service = Service(#"{"action":"allow"}"#)
        let questions = try questions(service)
        for _ in 0..<3 { _ = try await questions.ask(try question(), from: .sample) }
        let ids = service.requests.compactMap { $0.fields.first { $0.name == "webhook-id" }?.value }
        #expect(ids.count == 3 && Set(ids).count == 3)
    }

    @Test func `a service that never answers is soon not asked`() async throws {
        let service = Service { _ in .failed(reason: "timeout") }
        let questions = questions(service, lasting: .milliseconds(1100))
        for _ in 0..<15 { _ = try await questions.ask(try question(), from: .sample) }
        #expect(service.requests.count == QuestionCircuit.failuresMax)
        #expect(questions.isBroken(Tenant.sample.key))
        let figures = questions.figures()
        #expect(figures.outcomes == ["failed": 10, "skipped": 5] && figures.broken == 1 && figures.open == 0)
    }

    // MARK: Tencent's form

    @Test(arguments: [
        (#"{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":""}"#, BeforeSendVerdict.allow),
        (#"{"ActionStatus":"OK","ErrorCode":2,"ErrorInfo":""}"#, .drop),
        (#"{"ActionStatus":"FAIL","ErrorCode":1,"ErrorInfo":"no"}"#, .deny(.init(code: nil), reason: "no")),
        (
            #"{"ActionStatus":"OK","ErrorCode":120001,"ErrorInfo":"spam"}"#,
            .deny(.init(code: "120001", number: 120_001), reason: "spam")
        ),
        (
            #"{"ActionStatus":"OK","ErrorCode":130000,"ErrorInfo":"x"}"#,
            .deny(.init(code: "130000", number: 130_000), reason: "x")
        ),
        // Codes that mean nothing are no answer.
        (#"{"ActionStatus":"OK","ErrorCode":3,"ErrorInfo":""}"#, .allow),
        (#"{"ActionStatus":"OK","ErrorCode":130001,"ErrorInfo":""}"#, .allow), ("OK", .allow),
        // So are elements that are none.
        (#"{"ActionStatus":"OK","ErrorCode":0,"MsgBody":[]}"#, .allow),
        (#"{"ActionStatus":"OK","ErrorCode":0,"MsgBody":[{"MsgType":"Bogus","MsgContent":{}}]}"#, .allow),
        (#"{"ActionStatus":"OK","ErrorCode":0,"CloudCustomData":5}"#, .allow),
    ])
    func `Tencent's codes`(_ body: String, _ verdict: BeforeSendVerdict) async throws {
        let found = try await questions(Service(body), format: .tencent).ask(try question(), from: .sample)
        #expect(found == verdict)
    }

    @Test func `a group has codes of its own`() async throws {
        let service = Service(#"{"ActionStatus":"OK","ErrorCode":10100,"ErrorInfo":"spam"}"#)
        let found = try await questions(service, format: .tencent).ask(try question(form: .group), from: .sample)
        #expect(found == .deny(.init(code: "10100", number: 10100), reason: "spam"))
        #expect(service.requests.first?.url.contains("CallbackCommand=Group.CallbackBeforeSendMsg") == true)
    }

    @Test func `elements are replaced, and a text becomes what they are`() async throws {
        let elements = #"[{"MsgType":"TIMCustomElem","MsgContent":{"Data":"1"}}]"#
        let service = Service(#"{"ActionStatus":"OK","ErrorCode":0,"MsgBody":\#(elements),"CloudCustomData":"x"}"#)
        let found = try await questions(service, format: .tencent).ask(try question(), from: .sample)
        #expect(
            found
                == .replace(
                    type: .custom, content: try .json(#"{"MsgBody":\#(elements),"CloudCustomData":"x"}"#)))
    }

    @Test(arguments: [
        (
            #"{"text":"hi","mood":1}"#, #""CloudCustomData":"x""#,
            #"{"text":"hi","mood":1,"CloudCustomData":"x"}"#
        ),
        (
            #"{"text":"hi","MsgBody":[],"CloudCustomData":"a"}"#, #""CloudCustomData":"b""#,
            #"{"text":"hi","MsgBody":[],"CloudCustomData":"b"}"#
        ),
    ])
    func `custom data alone leaves type and content as they are`(
        _ content: String, _ answer: String, _ replaced: String
    ) async throws {
        let service = Service(#"{"ErrorCode":0,\#(answer)}"#)
        let found = try await questions(service, format: .tencent).ask(try question(content: content), from: .sample)
        #expect(found == .replace(type: nil, content: try .json(replaced)))
    }

    @Test func `new elements keep whom a message mentions and how urgent it is`() async throws {
        let elements = #"[{"MsgType":"TIMTextElem","MsgContent":{"Text":"***"}}]"#
        let content =
            #"{"text":"bad","MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"bad"}}],"#
            + #""CloudCustomData":"c","GroupAtInfo":[{"GroupAtAllFlag":1}],"MsgPriority":"High"}"#
        let service = Service(#"{"ErrorCode":0,"MsgBody":\#(elements)}"#)
        let found = try await questions(service, format: .tencent)
            .ask(try question(form: .group, content: content), from: .sample)
        let replaced =
            #"{"text":"***","MsgBody":\#(elements),"CloudCustomData":"c","GroupAtInfo":[{"GroupAtAllFlag":1}],"#
            + #""MsgPriority":"High"}"#
        #expect(found == .replace(type: .text, content: try .json(replaced)))
    }

    @Test(arguments: [#"{}"#, #""text""#, "1"])
    func `elements that are none are no answer`(_ elements: String) async throws {
        let service = Service(#"{"ErrorCode":0,"MsgBody":\#(elements)}"#)
        let found = try await questions(service, format: .tencent, onFailure: .deny).ask(try question(), from: .sample)
        guard case .deny(let denial, _) = found else {
            Issue.record("\(found)")
            return
        }
        #expect(denial.number == 80003)
    }

    @Test func `the request is what receivers of such callbacks look at`() async throws {
        let service = Service(#"{"ActionStatus":"OK","ErrorCode":0}"#)
        _ = try await questions(service, format: .tencent, token: "xxxxyyyy").ask(try question(), from: .sample)
        let request = try #require(service.requests.first)
        // The signature is the example of Tencent's document.
        #expect(
            request.url
                == "https://service.example/ask?SdkAppid=1400000001&CallbackCommand=C2C.CallbackBeforeSendMsg"
                + "&contenttype=json&ClientIP=&OptPlatform=Unknown&RequestTime=1669872112"
                + "&Sign=17773bc39a671d7b9aa835458704d2a6db81360a5940292b587d6d760d484061")
        let body = try #require(try RawJSON(parsing: request.body).object)
        #expect(body["CallbackCommand"]?.string == "C2C.CallbackBeforeSendMsg")
        #expect(body["From_Account"]?.string == "ann" && body["To_Account"]?.string == "bob")
        for name in ["MsgSeq", "MsgRandom", "MsgTime", "OnlineOnlyFlag", "EventTime"] {
            #expect(body[name]?.integer != nil, "\(name) is no integer")
        }
        #expect(body["MsgBody"]?.text == #"[{"MsgType":"TIMTextElem","MsgContent":{"Text":"hi"}}]"#)
    }

    @Test func `a send to many is no question in Tencent's form`() async throws {
        let service = Service(#"{"ActionStatus":"OK","ErrorCode":1}"#)
        let found = try await questions(service, format: .tencent).ask(try question(form: .broadcast), from: .sample)
        #expect(found == .allow && service.requests.isEmpty)
    }
}

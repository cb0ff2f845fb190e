import Crypto

/// Callbacks as Tencent's IM sends them (documents 1047-34354, 34364, 34374), for receivers that exist: the command and
/// the app in the query, a signature of the time alone, the facts in the body.
public struct TencentCallbackForm: Sendable {
    /// What a sender is told when the service did not answer and the tenant wants no message without its word.
    static let blockedNumber = 80003
    /// Codes that a service may refuse with, besides 1.
    private static let ownCodes = (single: 120_001...130_000, group: 10_100...10_200)

    private let apps: @Sendable (TenantKey) -> [App]

    /// - Parameter apps: of a tenant, in the order they were made.
    public init(apps: @escaping @Sendable (TenantKey) -> [App]) { self.apps = apps }

    // MARK: Requests

    /// A request that carries one command. nil for a tenant without an app, for whom nobody can know whom it is from.
    ///
    /// - Parameters:
    ///   - app: that sent what it is about; the tenant's first where there is none.
    ///   - platform: `OptPlatform`.
    func request(
        _ command: String, of tenant: TenantKey, app: AppKey?, platform: String, settings: WebhookSettings,
        now: Milliseconds, _ members: (inout JSONWriter) -> Void
    ) -> CallbackRequest? {
        let apps = apps(tenant)
        guard let app = apps.first(where: { $0.key == app }) ?? apps.first else { return nil }
        var query = [
            "SdkAppid=\(app.sdkAppID)", "CallbackCommand=\(command)", "contenttype=json", "ClientIP=",
            "OptPlatform=\(platform)",
        ]
        if let token = settings.token {
            let time = String(now / 1000)
            query += ["RequestTime=\(time)", "Sign=\(Self.sign(token: token, requestTime: time))"]
        }
        let separator = settings.url.contains("?") ? "&" : "?"
        let body = JSONWriter.object { writer in
            writer.member("CallbackCommand", command)
            members(&writer)
        }
        return CallbackRequest(
            url: settings.url + separator + query.joined(separator: "&"), fields: [], body: body)
    }

    /// `Sign`: SHA-256 of the token and the time, in lower-case hexadecimal.
    static func sign(token: String, requestTime: String) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let bytes = SHA256.hash(data: Array((token + requestTime).utf8)).flatMap { byte in
            [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The members that name a single message, in the order of the documents.
    static func writeSingle(
        _ message: ArchivedMessage, from: String, to: String, into writer: inout JSONWriter
    ) {
        let numbers = MessageNumbers(of: message)
        // A message that is not archived yet, and brought no numbers, has no such names yet.
        let isNamed = message.numbers != nil || message.key.rawValue > 0
        writer.member("From_Account", from)
        writer.member("To_Account", to)
        writer.member("MsgSeq", numbers.sequence)
        writer.member("MsgRandom", numbers.random)
        writer.member("MsgTime", numbers.seconds)
        writer.member("MsgKey", isNamed ? numbers.msgKey : "")
        writer.member("MsgId", isNamed ? MessageAliases(of: message).msgID : message.id)
        writer.member("OnlineOnlyFlag", 0)
    }

    static func writeContent(of message: ArchivedMessage, into writer: inout JSONWriter) {
        writer.member("MsgBody", TencentContent.msgBody(type: message.type, content: message.content))
        writer.member("CloudCustomData", TencentContent.cloudCustomData(content: message.content) ?? emptyText)
    }

    private static let emptyText = RawJSON(archived: Array("\"\"".utf8))

    // MARK: Before sending

    /// nil for a message that Tencent has no question for: one to many.
    func question(_ question: MessageQuestion, settings: WebhookSettings, now: Milliseconds) -> CallbackRequest? {
        let message = question.message
        let sender = question.sender ?? App.administrator
        let platform = message.senderApp == nil ? "Unknown" : "RESTAPI"
        func request(_ command: String, _ members: (inout JSONWriter) -> Void) -> CallbackRequest? {
            self.request(
                command, of: message.tenantKey, app: message.senderApp, platform: platform, settings: settings,
                now: now, members)
        }
        switch message.form {
        case .single:
            return request("C2C.CallbackBeforeSendMsg") { writer in
                Self.writeSingle(message, from: sender, to: question.receiver ?? message.to, into: &writer)
                Self.writeContent(of: message, into: &writer)
                writer.member("EventTime", now)
            }
        case .group:
            return request("Group.CallbackBeforeSendMsg") { writer in
                writer.member("GroupId", message.to)
                writer.member("Type", question.groupType ?? "Public")
                writer.member("From_Account", sender)
                writer.member("Operator_Account", sender)
                writer.member("Random", MessageNumbers(of: message).random)
                writer.member("OnlineOnlyFlag", 0)
                Self.writeContent(of: message, into: &writer)
                writer.member("EventTime", now)
            }
        case .audience, .broadcast: return nil
        }
    }

    /// nil for what is no answer: no JSON, or a code that means nothing.
    func verdict(_ body: [UInt8], about question: MessageQuestion) -> BeforeSendVerdict? {
        guard let object = (try? RawJSON(parsing: body))?.object, let code = object["ErrorCode"]?.integer else {
            return nil
        }
        let info = object["ErrorInfo"]?.string ?? ""
        let isGroup = question.message.form == .group
        switch code {
        case 0: return replacement(object, question.message)
        case 1:
            return .deny(
                GatewayError.Denial(code: nil), reason: info.isEmpty ? "The tenant's service has refused it." : info)
        case 2: return .drop
        default:
            guard let number = Int(exactly: code),
                (isGroup ? Self.ownCodes.group : Self.ownCodes.single).contains(number)
            else { return nil }
            return .deny(GatewayError.Denial(code: String(number), number: number), reason: info)
        }
    }

    /// What the answer says in place of the content; nil where it is no content.
    private func replacement(_ answer: JSONObject, _ message: ArchivedMessage) -> BeforeSendVerdict? {
        if let data = answer["CloudCustomData"], data.kind != .string { return nil }
        guard let body = answer["MsgBody"] else {
            guard let data = answer["CloudCustomData"] else { return .allow }
            return .replace(type: nil, content: TencentContent.content(message.content, with: data))
        }
        guard let elements = body.array, !elements.isEmpty, elements.allSatisfy(TencentContent.isElement) else {
            return nil
        }
        let native = TencentContent.native(
            msgBody: body,
            cloudCustomData: answer["CloudCustomData"] ?? TencentContent.cloudCustomData(content: message.content))
        return .replace(
            type: native.type, content: TencentContent.content(native.content, keepingMembersOf: message.content))
    }
}

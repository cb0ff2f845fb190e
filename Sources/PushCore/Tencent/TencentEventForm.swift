/// Events after the fact as Tencent's callbacks (documents 1047-34365, 34375, 34357 and the pages on reading,
/// withdrawing and offline push). Events that Tencent has no callback for are none.
public struct TencentEventForm: Sendable {
    private let form: TencentCallbackForm
    private let facts: any CallbackFacts

    public init(form: TencentCallbackForm, facts: any CallbackFacts) {
        self.form = form
        self.facts = facts
    }

    /// The callback that tells of an event; nil = there is none for it.
    public func request(
        for event: WebhookEvent, settings: WebhookSettings, now: Milliseconds
    ) async throws -> CallbackRequest? {
        switch event.type {
        case .messageSent: try await sent(event, settings, now)
        case .messageRevoked: try await revoked(event, settings, now)
        case .messageRead: try await read(event, settings, now)
        case .deviceOnline: state(event, action: "Login", reason: "Register", settings, now)
        case .deviceOffline: state(event, action: "Disconnect", reason: "LinkClose", settings, now)
        case .deviceDeregistered: state(event, action: "Logout", reason: "Unregister", settings, now)
        case .pushAccepted, .pushFailed, .pushReceipt: try await pushed(event, settings, now)
        case .messageUpdated, .messageBurned, .deviceRegistered, .deviceMoved, .tokenDead: nil
        }
    }

    // MARK: Messages

    private func sent(
        _ event: WebhookEvent, _ settings: WebhookSettings, _ now: Milliseconds
    ) async throws -> CallbackRequest? {
        // `ForbidAfterSendMsgCallback`, and calls that trigger none.
        guard let message = event.message, event.detail.object?["isReported"]?.bool != false else { return nil }
        let from = try await name(message.from, event.tenant)
        switch message.form {
        case .single:
            let to = try await name(message.to, event.tenant)
            let unread = try await facts.unreadTotal(ofAccount: message.to, tenant: event.tenant)
            return request("C2C.CallbackAfterSendMsg", about: event, settings, now) { writer in
                TencentCallbackForm.writeSingle(message, from: from, to: to, into: &writer)
                TencentCallbackForm.writeContent(of: message, into: &writer)
                writer.member("SendMsgResult", 0)
                writer.member("ErrorInfo", "send msg succeed")
                writer.member("UnreadMsgNum", unread)
                writer.member("EventTime", event.at)
            }
        case .group:
            let type = try await facts.groupType(message.to, tenant: event.tenant) ?? Self.groupType
            let numbers = MessageNumbers(of: message)
            return request("Group.CallbackAfterSendMsg", about: event, settings, now) { writer in
                writer.member("GroupId", message.to)
                writer.member("Type", type)
                writer.member("From_Account", from)
                writer.member("Operator_Account", from)
                writer.member("Random", numbers.random)
                writer.member("MsgSeq", message.groupSeq ?? 0)
                writer.member("MsgTime", numbers.seconds)
                writer.member("MsgId", MessageAliases(of: message).msgID)
                writer.member("OnlineOnlyFlag", 0)
                TencentCallbackForm.writeContent(of: message, into: &writer)
                writer.member("EventTime", event.at)
            }
        case .audience, .broadcast: return nil
        }
    }

    private func revoked(
        _ event: WebhookEvent, _ settings: WebhookSettings, _ now: Milliseconds
    ) async throws -> CallbackRequest? {
        guard let message = event.message else { return nil }
        switch message.form {
        case .single:
            let from = try await name(message.from, event.tenant)
            let to = try await name(message.to, event.tenant)
            let unread = try await facts.unreadTotal(ofAccount: message.to, tenant: event.tenant)
            return request("C2C.CallbackAfterMsgWithDraw", about: event, settings, now) { writer in
                writer.member("From_Account", from)
                writer.member("To_Account", to)
                writer.member("MsgKey", MessageAliases(of: message).msgKey)
                writer.member("MsgId", MessageAliases(of: message).msgID)
                writer.member("UnreadMsgNum", unread)
                writer.member("EventTime", event.at)
            }
        case .group:
            let actor = try await name(event.detail.object?["by"]?.string ?? message.from, event.tenant)
            let type = try await facts.groupType(message.to, tenant: event.tenant) ?? Self.groupType
            return request("Group.CallbackAfterRecallMsg", about: event, settings, now) { writer in
                writer.member("Operator_Account", actor)
                writer.member("Type", type)
                writer.member("GroupId", message.to)
                writer.array("MsgSeqList") { list in list.object { $0.member("MsgSeq", message.groupSeq ?? 0) } }
                writer.member("EventTime", event.at)
            }
        case .audience, .broadcast: return nil
        }
    }

    private func read(
        _ event: WebhookEvent, _ settings: WebhookSettings, _ now: Milliseconds
    ) async throws -> CallbackRequest? {
        guard let reader = event.person, let peer = event.detail.object?["peer"]?.string,
            peer.hasPrefix("acct_") || peer.hasPrefix("app_")
        else { return nil }
        let peerName = try await name(peer, event.tenant)
        let unread = try await facts.unreadTotal(ofAccount: reader.account, tenant: event.tenant)
        return request("C2C.CallbackAfterMsgReport", about: event, settings, now) { writer in
            writer.member("Report_Account", reader.userID)
            writer.member("Peer_Account", peerName)
            writer.member("LastReadTime", event.at / 1000)
            writer.member("UnreadMsgNum", unread)
            writer.member("EventTime", event.at)
        }
    }

    private static let groupType = "Public"

    // MARK: Devices

    private func state(
        _ event: WebhookEvent, action: String, reason: String, _ settings: WebhookSettings, _ now: Milliseconds
    ) -> CallbackRequest? {
        guard let person = event.person else { return nil }
        return request("State.StateChange", about: event, settings, now) { writer in
            writer.member("EventTime", event.at)
            writer.object("Info") { info in
                info.member("Action", action)
                info.member("To_Account", person.userID)
                info.member("Reason", reason)
            }
        }
    }

    private func pushed(
        _ event: WebhookEvent, _ settings: WebhookSettings, _ now: Milliseconds
    ) async throws -> CallbackRequest? {
        guard let message = event.message, message.form == .single || message.form == .group,
            let detail = event.detail.object, let person = event.person
        else { return nil }
        // A report that it was shown, or tapped, is a stage of its own.
        let stage =
            switch (event.type, detail["meaning"]?.string) {
            case (.pushReceipt, "clicked"): 3
            case (.pushReceipt, _): 2
            default: 1
            }
        let from = try await name(message.from, event.tenant)
        let numbers = MessageNumbers(of: message)
        return request("Push.OfflinePush", about: event, settings, now) { writer in
            writer.member("EventType", message.form == .single ? 1 : 2)
            writer.member("EventTime", event.at / 1000)
            writer.member("From_Account", from)
            writer.member("To_Account", person.userID)
            writer.member("PushPlatform", Self.platform(detail["vendor"]?.string))
            writer.member("PushStage", stage)
            if message.form == .single {
                writer.member("MsgKey", numbers.msgKey)
            } else {
                writer.member("GroupID", message.to)
            }
            writer.member("MsgSeq", message.groupSeq ?? Int64(numbers.sequence))
            writer.member("MsgRandom", numbers.random)
            writer.member("MsgTime", numbers.seconds)
            writer.member("ErrCode", event.type == .pushFailed ? 1 : 0)
            writer.member("ErrInfo", detail["text"]?.string ?? detail["code"]?.string ?? "")
        }
    }

    private static func platform(_ vendor: String?) -> Int {
        switch vendor.flatMap(Vendor.init) {
        case .apns: 1
        case .xiaomi: 2
        case .huawei: 3
        case .fcm: 4
        case .meizu: 5
        case .oppo: 6
        case .vivo: 7
        case .honor: 8
        case .webpush, .wns, .webhook, nil: 0
        }
    }

    // MARK: Parts

    private func request(
        _ command: String, about event: WebhookEvent, _ settings: WebhookSettings, _ now: Milliseconds,
        _ members: (inout JSONWriter) -> Void
    ) -> CallbackRequest? {
        form.request(
            command, of: event.tenant, app: event.message?.senderApp, platform: Self.optPlatform(event),
            settings: settings, now: now, members)
    }

    private static func optPlatform(_ event: WebhookEvent) -> String {
        if let message = event.message, message.senderApp != nil { return "RESTAPI" }
        return switch event.device?.osType {
        case .ios: event.message == nil ? "IOS" : "iOS"
        case .android: "Android"
        case .web: "Web"
        case .windows: "Windows"
        default: "Unknown"
        }
    }

    /// What Tencent's side knows somebody by: the user, or the administrator for an app.
    private func name(_ id: String, _ tenant: TenantKey) async throws -> String {
        if id.hasPrefix("app_") { return App.administrator }
        return try await facts.userID(ofAccount: id, tenant: tenant) ?? id
    }
}

import PushCore

/// `send_group_msg` and `send_group_system_notification` (documents 269-1629, 269-1630).
struct TencentGroupSending: Sendable {
    let groups: Groups
    let messaging: Messaging

    private static let targetsMax = 50
    private static let toldMax = 500

    /// `MsgSeq` in the answer is the message's place in its group; 0 for one that only those online get. To the members
    /// in `To_Account` goes one message each: the answer is that of the last one, and recalling any recalls them all.
    @Sendable func send(_ call: TencentCall) async throws -> TencentFields {
        let group = try await call.group(in: groups).group
        let message = try TencentGroupMessage(of: call)
        let isOnlineOnly = try call.integer("OnlineOnlyFlag", "MsgOnlineOnlyFlag", in: 0...1) == 1
        let control = Set(try call.strings("SendMsgControl", max: 20) ?? [])
        let push = try Self.push(call, message)
        let from = try await sender(call, in: group)
        let body = RawJSON.object { writer in
            writer.member("from", ifPresent: from)
            writer.member("to", group.groupID)
            message.write(into: &writer)
            if isOnlineOnly { writer.member("ephemeral", true) }
            if control.contains("NoUnread") { writer.member("countUnread", false) }
            writer.member("push", push)
        }
        // An empty list is nobody, and does not become everybody: that is refused.
        guard call.value("To_Account") != nil else {
            return Self.answer(
                try await messaging.send(body, as: call.principal, options: try message.options(call)))
        }
        let targets = try call.users("To_Account", max: Self.targetsMax)
        return try await send(
            body, to: targets, in: group, options: try message.options(call, seconds: call.now / 1000), call)
    }

    /// A notice to all members, or to some, that is no message of a person: CUSTOM with `SystemNotification` in its
    /// content, from the app. It counts as nothing unread and is never pushed.
    @Sendable func notify(_ call: TencentCall) async throws -> TencentFields {
        let group = try await call.group(in: groups).group
        let text = try call.requiredString("Content")
        let body = RawJSON.object { writer in
            writer.member("to", group.groupID)
            writer.member("type", MessageType.custom.rawValue)
            writer.object("content") { $0.member("SystemNotification", text) }
            writer.member("countUnread", false)
            writer.object("push") { $0.member("policy", "never") }
        }
        var options = SendOptions()
        // No person writes it: there is nothing to be checked or told.
        (options.asksBeforeSend, options.isReported) = (false, false)
        if call.value("ToMembers_Account") != nil {
            let targets = try call.users("ToMembers_Account", max: Self.toldMax)
            _ = try await send(body, to: targets, in: group, options: options, call)
        } else {
            _ = try await messaging.send(body, as: call.principal, options: options)
        }
        return TencentCommand.nothing
    }

    /// One message to each of these members. All of them are looked at before the first one goes out.
    private func send(
        _ body: RawJSON, to targets: [String], in group: Group, options: SendOptions, _ call: TencentCall
    ) async throws -> TencentFields {
        let members = try await groups.memberships(of: targets, in: group, as: call.principal)
        if let stranger = targets.first(where: { members[$0] == nil }) {
            throw TencentError(10007, "\(stranger) is not in this group.")
        }
        var last: Acceptance?
        for target in targets {
            let addressed = RawJSON.object { writer in
                for member in body.object?.members ?? [] { writer.member(member.key, member.value) }
                writer.member("target", "user:" + target)
            }
            last = try await messaging.send(addressed, as: call.principal, options: options)
        }
        guard let last else { throw call.bad("To_Account", "is empty") }
        return Self.answer(last)
    }

    private static func answer(_ acceptance: Acceptance) -> TencentFields {
        { writer in
            writer.member("MsgTime", acceptance.numbers?.seconds ?? acceptance.serverTime / 1000)
            writer.member("MsgSeq", acceptance.groupSeq ?? 0)
            writer.member("MsgId", ifPresent: acceptance.aliases?.msgID)
        }
    }

    private static func push(_ call: TencentCall, _ message: TencentGroupMessage) throws(TencentError) -> RawJSON {
        do {
            return try TencentOfflinePush(of: call, body: message.body).json
        } catch {
            throw TencentError(10004, error.info)
        }
    }

    /// `from` of the native message; nil for the app itself, which may write in every group. An administrator who is not
    /// in the group is the app.
    private func sender(_ call: TencentCall, in group: Group) async throws -> String? {
        guard let name = try call.string("From_Account"), !name.isEmpty else { return nil }
        guard IDRules.isUserID(name) else { throw TencentError.accountUnknown(name) }
        if call.isAdministrator(name) {
            guard try await groups.memberships(of: [name], in: group, as: call.principal)[name] != nil else {
                return nil
            }
        }
        return "user:" + name
    }
}

import PushCore

/// `group_msg_get_simple`, `group_msg_recall`, `delete_group_msg_by_sender` (documents 269-2738, 269-12341, 269-2359).
struct TencentGroupHistory: Sendable {
    let groups: Groups
    let changes: MessageChanges

    private static let pageMax = 20
    private static let recallsMax = 10
    private static let recallsOfSenderMax = 1000

    // MARK: History

    /// From `ReqMsgSeq` downwards, newest first. Every place has an entry: what is gone has an empty `MsgBody`, and so
    /// has what was for one member alone, which is nobody else's history.
    @Sendable func page(_ call: TencentCall) async throws -> TencentFields {
        let group = try await call.group(in: groups)
        guard let count = try call.integer("ReqMsgNumber", in: 1...Int64(Int32.max)) else {
            throw call.bad("ReqMsgNumber", "is missing")
        }
        let highest = try call.integer("ReqMsgSeq", in: 0...Int64.max) ?? 0
        // 0 is what SDKs send that name no place.
        let messages = try await groups.messages(
            of: group.group, fromPlace: highest == 0 ? .max : highest, limit: Int(min(count, Int64(Self.pageMax))),
            as: call.principal)
        let isFinished = Self.isFinished(messages, asked: Int(count))
        return { writer in
            writer.member("GroupId", group.group.groupID)
            writer.member("IsFinished", isFinished)
            writer.array("RspMsgList") { writer in
                for message in messages { Self.write(message, at: call.now, into: &writer) }
            }
        }
    }

    /// 1: everything that was asked for is here. 0: more was asked for than one page has, and there is more.
    ///
    /// 2 ends the asking: a page as long as it was asked for that goes down to the first message. SDKs that ask on while
    /// full pages come would next ask for place 0, which means the newest one, and begin again for ever.
    private static func isFinished(_ messages: [GroupMessage], asked: Int) -> Int {
        let endsAtFirst = messages.last?.message.groupSeq == 1
        if asked > pageMax, messages.count == pageMax, !endsAtFirst { return 0 }
        return endsAtFirst && messages.count == asked ? 2 : 1
    }

    private static func write(_ found: GroupMessage, at now: Milliseconds, into writer: inout JSONWriter) {
        let message = found.message
        let isGone = message.content == nil || message.isExpired(at: now) || message.target != nil
        let place = message.state == .revoked ? 2 : isGone || message.state == .burned ? 1 : 0
        let content = place == 0 ? message.content : nil
        writer.object { writer in
            writer.member("From_Account", found.sender ?? App.administrator)
            writer.member("IsPlaceMsg", place)
            writer.member("MsgBody", TencentContent.msgBody(type: message.type, content: content))
            writer.member("MsgPriority", TencentGroupMessage.priority(content: content))
            writer.member("MsgRandom", MessageNumbers(of: message).random)
            writer.member("MsgSeq", message.groupSeq ?? 0)
            writer.member("MsgTimeStamp", MessageNumbers(of: message).seconds)
            writer.member("MsgId", MessageAliases(of: message).msgID)
            writer.member("CloudCustomData", ifPresent: TencentContent.cloudCustomData(content: content))
        }
    }

    // MARK: Recall

    /// Each place has a code of its own: 0, and 10030 where there is no message. Under both names that SDKs read.
    @Sendable func recall(_ call: TencentCall) async throws -> TencentFields {
        let group = try await call.group(in: groups)
        guard let list = try call.objects("MsgSeqList", max: Self.recallsMax), !list.isEmpty else {
            throw call.bad("MsgSeqList", "is missing or empty")
        }
        let places = list.compactMap { $0["MsgSeq"].flatMap { $0.integer ?? $0.string.flatMap { Int64($0) } } }
        guard places.count == list.count else { throw call.bad("MsgSeqList", "has an element without MsgSeq") }
        var results: [(place: Int64, code: Int)] = []
        for place in places {
            let ids = try await groups.messageIDs(inPlace: place, of: group.group, as: call.principal)
            results.append((place, try await revoke(ids, call)))
        }
        return { [results] writer in
            for name in ["RecallRetList", "Results"] {
                writer.array(name) { writer in
                    for result in results {
                        writer.object { writer in
                            writer.member("MsgSeq", result.place)
                            writer.member("RetCode", result.code)
                        }
                    }
                }
            }
        }
    }

    private func revoke(_ ids: [String], _ call: TencentCall) async throws -> Int {
        var code = ids.isEmpty ? 10030 : 0
        for id in ids {
            do {
                _ = try await changes.revoke(id, nil, as: call.principal)
            } catch let error as GatewayError where error.code == .notFound || error.code == .messageBurned {
                code = 10030
            }
        }
        return code
    }

    /// The newest thousand of a sender's messages; what is older takes another call.
    @Sendable func recallAll(_ call: TencentCall) async throws -> TencentFields {
        let group = try await call.group(in: groups)
        let sender = try call.requiredString("Sender_Account")
        let ids = try await groups.messageIDs(
            ofSender: sender, in: group.group, limit: Self.recallsOfSenderMax, as: call.principal)
        for id in ids { _ = try await revoke([id], call) }
        return TencentCommand.nothing
    }
}

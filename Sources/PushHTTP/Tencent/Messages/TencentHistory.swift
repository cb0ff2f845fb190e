import PushCore

/// `admin_getroammsg` (document 1047-35478): a conversation as one side has it, page by page from `MaxTime` down. A
/// page's elements are ascending; its oldest names the place where the next one begins.
struct TencentHistory: Sendable {
    let conversations: Conversations

    /// What the elements of a page may have together; one always goes out.
    private static let pageBytesMax = 13 * 1024
    /// More elements than this do not fit into a page.
    private static let pageItemsMax: Int64 = 100

    @Sendable func page(_ call: TencentCall) async throws -> TencentFields {
        let readerName = try call.requiredString("Operator_Account", "From_Account", orThrow: 90008)
        let otherName = try call.requiredString("Peer_Account", "To_Account", orThrow: 90003)
        guard let count = try call.integer("MaxCnt", in: 1...Int64.max) else { throw call.bad("MaxCnt", "is missing") }
        let from = try call.integer("MinTime", in: TencentOutgoing.seconds) ?? 0
        let to = try call.integer("MaxTime", in: TencentOutgoing.seconds) ?? TencentOutgoing.seconds.upperBound
        let key = try call.string("LastMsgKey").flatMap { $0.isEmpty ? nil : $0 }
        let sides = TencentSides(call: call, conversations: conversations)
        let reader = try await sides.required("Operator_Account", readerName, orThrow: 90008)
        let other = try await sides.required("Peer_Account", otherName, orThrow: 90003)
        do {
            // Who goes on names the place: the time of what stands there is not that of what comes before it, since
            // a message may be archived behind a later one.
            let history = try await conversations.history(
                of: reader.peer, with: other.peer,
                PairHistoryRequest(
                    from: from * 1000, to: key == nil ? (to + 1) * 1000 : nil, olderThan: key,
                    limit: Int(min(count, Self.pageItemsMax))),
                as: call.principal)
            return Self.answer(history, reader, other)
        } catch let error as GatewayError where error.code == .notFound {
            throw call.bad("LastMsgKey", "names no message of this conversation")
        }
    }

    private static func answer(
        _ history: PairHistory, _ reader: TencentSides.Side, _ other: TencentSides.Side
    ) -> TencentFields {
        var elements: [[UInt8]] = []
        var bytes = 0
        for item in history.items {
            let element = element(item, reader, other)
            bytes += element.count + 1
            if bytes > pageBytesMax, !elements.isEmpty { break }
            elements.append(element)
        }
        let isComplete = !history.hasMore && elements.count == history.items.count
        let oldest = elements.isEmpty ? nil : history.items[elements.count - 1].message
        let ascending = Array(elements.reversed())
        return { writer in
            writer.member("Complete", isComplete ? 1 : 0)
            writer.member("MsgCnt", ascending.count)
            writer.member("LastMsgTime", oldest.map(Self.seconds) ?? 0)
            writer.member("LastMsgKey", oldest.map { MessageAliases(of: $0).msgKey } ?? "")
            writer.array("MsgList") { writer in
                for element in ascending { writer.raw(RawJSON(archived: element)) }
            }
        }
    }

    private static func element(
        _ item: PairHistory.Item, _ reader: TencentSides.Side, _ other: TencentSides.Side
    ) -> [UInt8] {
        let message = item.message
        let isWithdrawn = message.state != .live || item.content.isBurned
        let content = isWithdrawn ? nil : message.content
        let numbers = MessageNumbers(of: message)
        let aliases = MessageAliases(of: message)
        return JSONWriter.object { writer in
            writer.member("From_Account", item.isFromReader ? reader.name : other.name)
            writer.member("To_Account", item.isFromReader ? other.name : reader.name)
            writer.member("MsgSeq", numbers.sequence)
            writer.member("MsgRandom", numbers.random)
            writer.member("MsgTimeStamp", seconds(message))
            writer.member("MsgFlagBits", isWithdrawn ? 8 : 0)
            writer.member("IsPeerRead", item.isRead ? 1 : 0)
            writer.member("MsgKey", aliases.msgKey)
            writer.member("MsgId", aliases.msgID)
            writer.member("MsgClientTime", message.timestamp / 1000)
            writer.member("MsgBody", TencentContent.msgBody(type: message.type, content: content))
            writer.member("CloudCustomData", ifPresent: TencentContent.cloudCustomData(content: content))
        }
    }

    /// When it was archived: the order of a history.
    private static func seconds(_ message: ArchivedMessage) -> Int64 { message.serverTime / 1000 }
}

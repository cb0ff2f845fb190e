import PushCore

/// `/v1/conversations`, `/v1/unread` and `/v1/messages/history`.
struct ConversationRoutes: Sendable {
    let conversations: Conversations
    let limits: Limits

    func history(_ call: Call, _ principal: Principal) async throws -> Answer {
        let request = try HistoryRequest(query: { call.query[$0] }, limits: limits)
        return .json(try await conversations.history(request, as: principal))
    }

    func list(_ call: Call, _ principal: Principal) async throws -> Answer {
        let page = try PageRequest(limit: call.query["limit"], cursor: call.query["cursor"], limits: limits)
        return .json(try await conversations.list(page, of: call.query["account"], as: principal))
    }

    func read(_ call: Call, _ principal: Principal) async throws -> Answer {
        let body = try await call.optionalBody() ?? .emptyObject
        return .json(
            try await conversations.read(
                body, peer: try call.parameter("peer"), account: call.query["account"], as: principal))
    }

    func unread(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await conversations.unread(try UnreadRequest(query: { call.query[$0] }), as: principal))
    }
}

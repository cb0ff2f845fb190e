import PushCore

/// `/v1/tags`, for apps.
struct TagRoutes: Sendable {
    let tags: Tags
    let limits: Limits

    func list(_ call: Call, _ principal: Principal) async throws -> Answer {
        let page = try PageRequest(limit: call.query["limit"], cursor: call.query["cursor"], limits: limits)
        return .json(try await tags.list(page, as: principal))
    }

    func read(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await tags.read(try call.parameter("tag"), as: principal))
    }

    func addMembers(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await tags.addMembers(try await call.body(), to: try call.parameter("tag"), as: principal))
    }

    func removeMembers(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await tags.removeMembers(try await call.body(), from: try call.parameter("tag"), as: principal))
    }
}

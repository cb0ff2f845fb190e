import PushCore

/// `/v1/groups`, for apps.
struct GroupRoutes: Sendable {
    let groups: Groups
    let limits: Limits

    func create(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await groups.create(try await call.body(), as: principal), status: .created)
    }

    func list(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await groups.list(try page(of: call), as: principal))
    }

    func read(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await groups.read(id: try call.parameter("id"), as: principal))
    }

    func delete(_ call: Call, _ principal: Principal) async throws -> Answer {
        try await groups.delete(id: try call.parameter("id"), as: principal)
        return .noContent
    }

    func members(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await groups.members(of: try call.parameter("id"), try page(of: call), as: principal))
    }

    func addMembers(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await groups.addMembers(try await call.body(), to: try call.parameter("id"), as: principal))
    }

    func removeMembers(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await groups.removeMembers(try await call.body(), from: try call.parameter("id"), as: principal))
    }

    private func page(of call: Call) throws(GatewayError) -> PageRequest {
        try PageRequest(limit: call.query["limit"], cursor: call.query["cursor"], limits: limits)
    }
}

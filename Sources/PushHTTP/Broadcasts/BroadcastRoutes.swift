import PushCore

/// `/v1/broadcasts`, for apps. The id is the message's.
struct BroadcastRoutes: Sendable {
    let broadcasts: Broadcasts

    func read(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await broadcasts.read(id: try call.parameter("id"), as: principal))
    }

    func cancel(_ call: Call, _ principal: Principal) async throws -> Answer {
        try await change(.cancel, call, principal)
    }

    func pause(_ call: Call, _ principal: Principal) async throws -> Answer {
        try await change(.pause, call, principal)
    }

    func resume(_ call: Call, _ principal: Principal) async throws -> Answer {
        try await change(.resume, call, principal)
    }

    private func change(_ action: JobAction, _ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await broadcasts.change(action, id: try call.parameter("id"), as: principal))
    }
}

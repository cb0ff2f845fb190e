import PushCore

/// `/v1/settings/webhook` and `/v1/events`, for apps.
struct WebhookRoutes: Sendable {
    let webhooks: Webhooks
    let limits: Limits

    // MARK: Settings

    func read(_ call: Call, _ principal: Principal) async throws -> Answer { .json(try webhooks.read(as: principal)) }

    func put(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await webhooks.put(try await call.body(), as: principal))
    }

    func delete(_ call: Call, _ principal: Principal) async throws -> Answer {
        try await webhooks.delete(as: principal)
        return .noContent
    }

    // MARK: Events

    func events(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await webhooks.events(type: call.query["type"], page: try page(call), as: principal))
    }

    func replay(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await webhooks.replay(try await call.body(), as: principal), status: .accepted)
    }

    func requests(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await webhooks.requests(page: try page(call), as: principal))
    }

    func retries(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await webhooks.retries(aside: call.query["aside"], page: try page(call), as: principal))
    }

    private func page(_ call: Call) throws -> PageRequest {
        try PageRequest(limit: call.query["limit"], cursor: call.query["cursor"], limits: limits)
    }
}

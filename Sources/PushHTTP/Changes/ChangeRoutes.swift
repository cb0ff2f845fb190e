import PushCore

/// `/v1/messages/{id}/…`: what becomes of a message after it was sent.
struct ChangeRoutes: Sendable {
    let changes: MessageChanges

    func update(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await changes.update(try call.parameter("id"), try await call.body(), as: principal))
    }

    func revoke(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await changes.revoke(try call.parameter("id"), try await call.optionalBody(), as: principal))
    }

    func burn(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await changes.burn(try call.parameter("id"), try await call.optionalBody(), as: principal))
    }
}

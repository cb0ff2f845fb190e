import PushCore

/// `/v1/accounts/{userId}`, for apps.
struct AccountRoutes: Sendable {
    let accounts: Accounts

    func read(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await accounts.read(userID: try call.parameter("userId"), as: principal))
    }

    func ensure(_ call: Call, _ principal: Principal) async throws -> Answer {
        guard try await call.optionalBody()?.kind ?? .object == .object else {
            throw GatewayError.invalid("", "The body must be a JSON object.")
        }
        let (answer, isNew) = try await accounts.ensure(userID: try call.parameter("userId"), as: principal)
        return .json(answer, status: isNew ? .created : .ok)
    }
}

import PushCore

/// `/v1/accounts` and `/v1/presence`, for apps.
struct AccountRoutes: Sendable {
    let accounts: Accounts

    func read(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await accounts.read(userID: userID(of: call), as: principal))
    }

    func ensure(_ call: Call, _ principal: Principal) async throws -> Answer {
        guard try await call.optionalBody()?.kind ?? .object == .object else {
            throw GatewayError.invalid("", "The body must be a JSON object.")
        }
        let (answer, isNew) = try await accounts.ensure(userID: userID(of: call), as: principal)
        return .json(answer, status: isNew ? .created : .ok)
    }

    func importAccounts(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await accounts.importAccounts(try await call.body(), as: principal))
    }

    func presence(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await accounts.presence(users: call.query["users"], as: principal))
    }

    func endDevice(_ call: Call, _ principal: Principal) async throws -> Answer {
        try await accounts.endDevice(try call.parameter("deviceId"), of: userID(of: call), as: principal)
        return .noContent
    }

    func kick(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await accounts.kick(userID: userID(of: call), as: principal))
    }

    func delete(_ call: Call, _ principal: Principal) async throws -> Answer {
        try await accounts.delete(userID: userID(of: call), as: principal)
        return .noContent
    }

    /// `/v1/accounts/import` is a literal in the table: there the user is the one of that name.
    private func userID(of call: Call) -> String { call.parameters["userId"] ?? "import" }
}

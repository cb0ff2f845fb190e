import PushCore

/// `/v1/settings/push/{vendor}`, for apps. `?app=` names the credential of one app of the tenant.
struct PushSettingsRoutes: Sendable {
    let settings: PushSettings
    let checks: CredentialChecks

    func test(_ call: Call, _ principal: Principal) async throws -> Answer {
        let body = try await call.body()
        return .json(
            try await checks.test(
                body, vendor: try call.parameter("vendor"), appID: call.query["app"], as: principal))
    }

    func read(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await settings.read(vendor: try call.parameter("vendor"), appID: call.query["app"], as: principal))
    }

    func put(_ call: Call, _ principal: Principal) async throws -> Answer {
        let body = try await call.body()
        return .json(
            try await settings.put(
                body, vendor: try call.parameter("vendor"), appID: call.query["app"], as: principal))
    }

    func usage(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await settings.usage(vendor: try call.parameter("vendor"), appID: call.query["app"], as: principal))
    }

    func delete(_ call: Call, _ principal: Principal) async throws -> Answer {
        try await settings.delete(vendor: try call.parameter("vendor"), appID: call.query["app"], as: principal)
        return .noContent
    }
}

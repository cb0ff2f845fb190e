import PushCore

/// `/v1/admin`: tenants, apps and the gateway as a whole, for the operator.
struct AdminRoutes: Sendable {
    let administration: Administration
    let statistics: Statistics
    let credentialChecks: CredentialChecks
    let limits: Limits

    func createTenant(_ call: Call) async throws -> Answer {
        .json(try await administration.createTenant(try await call.body()), status: .created)
    }

    func tenants(_ call: Call) async throws -> Answer { .json(administration.tenants(try page(of: call))) }

    func updateTenant(_ call: Call) async throws -> Answer {
        .json(try await administration.updateTenant(no: try call.parameter("tenantNo"), try await call.body()))
    }

    func createApp(_ call: Call) async throws -> Answer {
        .json(try await administration.createApp(try await call.body()), status: .created)
    }

    func apps(_ call: Call) async throws -> Answer {
        .json(try administration.apps(tenantNo: call.query["tenantNo"], try page(of: call)))
    }

    private func page(of call: Call) throws(GatewayError) -> PageRequest {
        try PageRequest(limit: call.query["limit"], cursor: call.query["cursor"], limits: limits)
    }

    func updateApp(_ call: Call) async throws -> Answer {
        .json(try await administration.updateApp(id: try call.parameter("appId"), try await call.body()))
    }

    func rotate(_ call: Call) async throws -> Answer {
        let body = try await call.optionalBody() ?? .emptyObject
        return .json(try await administration.rotate(id: try call.parameter("appId"), body))
    }

    func checkCredentials(_ call: Call) async throws -> Answer { .json(try await credentialChecks.checkAll()) }

    func stats(_ call: Call) async throws -> Answer { .json(try await statistics.read()) }

    func audit(_ call: Call) async throws -> Answer {
        let page = try PageRequest(limit: call.query["limit"], cursor: call.query["cursor"], limits: limits)
        return .json(try await statistics.audit(page))
    }
}

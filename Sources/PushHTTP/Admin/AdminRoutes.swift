import PushCore

/// `/v1/admin`: tenants and apps, for the operator.
struct AdminRoutes: Sendable {
    let administration: Administration

    func createTenant(_ call: Call) async throws -> Answer {
        .json(try await administration.createTenant(try await call.body()), status: .created)
    }

    func tenants(_ call: Call) async throws -> Answer { .json(administration.tenants()) }

    func updateTenant(_ call: Call) async throws -> Answer {
        .json(try await administration.updateTenant(no: try call.parameter("tenantNo"), try await call.body()))
    }

    func createApp(_ call: Call) async throws -> Answer {
        .json(try await administration.createApp(try await call.body()), status: .created)
    }

    func apps(_ call: Call) async throws -> Answer { .json(try administration.apps(tenantNo: call.query["tenantNo"])) }

    func updateApp(_ call: Call) async throws -> Answer {
        .json(try await administration.updateApp(id: try call.parameter("appId"), try await call.body()))
    }

    func rotate(_ call: Call) async throws -> Answer {
        let body = try await call.optionalBody() ?? .emptyObject
        return .json(try await administration.rotate(id: try call.parameter("appId"), body))
    }
}

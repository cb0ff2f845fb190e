import PushCore

/// `/v1/admin/push-tokens`: tokens that vendors have called dead, for the operator.
struct PushTokenRoutes: Sendable {
    let quarantine: TokenQuarantine
    let limits: Limits

    func list(_ call: Call) async throws -> Answer {
        let page = try PageRequest(limit: call.query["limit"], cursor: call.query["cursor"], limits: limits)
        return .json(
            try await quarantine.list(tenantNo: call.query["tenantNo"], vendor: call.query["vendor"], page))
    }

    func restore(_ call: Call) async throws -> Answer { .json(try await quarantine.restore(try await call.body())) }
}

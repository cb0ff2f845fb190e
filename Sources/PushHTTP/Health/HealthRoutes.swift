import PushCore

/// `GET /healthz` (the process answers) and `GET /readyz` (it can work). Never limited: supervisors ask often.
struct HealthRoutes: Sendable {
    let missing: @Sendable () async -> [String]

    func live(_ call: Call) async throws -> Answer { .json(.object { $0.member("status", "ok") }) }

    func ready(_ call: Call) async throws -> Answer {
        let missing = await missing()
        guard missing.isEmpty else { throw NotReady(missing: missing) }
        return .json(.object { $0.member("status", "ready") })
    }
}

/// 503, with the names of what is missing.
struct NotReady: Error {
    let missing: [String]
}

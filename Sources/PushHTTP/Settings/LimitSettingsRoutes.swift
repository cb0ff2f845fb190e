import PushCore

/// `/v1/settings/limits`, for apps.
struct LimitSettingsRoutes: Sendable {
    let settings: LimitSettings

    func read(_ call: Call, _ principal: Principal) async throws -> Answer { .json(try settings.read(as: principal)) }

    func put(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await settings.put(try await call.body(), as: principal))
    }
}

import PushCore

/// `/v1/settings/templates/{type}`, for apps.
struct TemplateSettingsRoutes: Sendable {
    let settings: TemplateSettings

    func read(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try settings.read(type: try call.parameter("type"), as: principal))
    }

    func put(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await settings.put(try await call.body(), type: try call.parameter("type"), as: principal))
    }

    func delete(_ call: Call, _ principal: Principal) async throws -> Answer {
        try await settings.delete(type: try call.parameter("type"), as: principal)
        return .noContent
    }
}

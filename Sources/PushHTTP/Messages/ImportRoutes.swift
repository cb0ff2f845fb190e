import PushCore

/// `/v1/messages/import`, for apps.
struct ImportRoutes: Sendable {
    let imports: Imports

    func run(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await imports.run(try await call.body(), as: principal))
    }
}

import PushCore

/// `/v1/devices`: registration with a user's signature, and what a device does with itself.
struct DeviceRoutes: Sendable {
    let registry: DeviceRegistry
    let callers: Callers
    let broker: @Sendable (String?) -> BrokerAddress

    func register(_ call: Call) async throws -> Answer {
        let signature = try callers.bearer(of: call)
        let body = try await call.body()
        let (answer, isNew) = try await callers.countingFailures(of: call, unless: signature == nil) {
            try await registry.register(body, signature: signature, broker: broker(call.host))
        }
        return .json(answer, status: isNew ? .created : .ok)
    }

    func read(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try await registry.read(try principal.device()))
    }

    func update(_ call: Call, _ principal: Principal) async throws -> Answer {
        let device = try principal.device()
        return .json(try await registry.update(device, try await call.body()))
    }

    func deregister(_ call: Call, _ principal: Principal) async throws -> Answer {
        try await registry.deregister(try principal.device())
        return .noContent
    }

    func newCredential(_ call: Call, _ principal: Principal) async throws -> Answer {
        .json(try registry.newCredential(for: try principal.device()))
    }
}

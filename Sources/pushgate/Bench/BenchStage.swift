import Foundation
import PushCredentials
import PushGateClient

/// A gateway with a tenant and an app in it, without limits on how often anybody may call.
struct BenchStage: Sendable {
    static let tenantNo = "bench"

    let gateway: BenchGateway
    let app: GatewayAPI.NewApp
    let progress: @Sendable (String) -> Void

    static func set(up gateway: BenchGateway, progress: @escaping @Sendable (String) -> Void) async throws -> BenchStage
    {
        let admin = try gateway.operatorAPI()
        try await admin.createTenant(tenantNo, name: "Bench")
        let app = try await admin.createApp(tenantNo: tenantNo, name: "Bench")
        let stage = BenchStage(gateway: gateway, app: app, progress: progress)
        // A device may otherwise ask 50 times a second.
        try await stage.api.setLimits(["deviceRequestsPerSecond": 0, "deviceBurst": 0, "appRequestsPerSecond": 0])
        return stage
    }

    /// A gateway of its own for `body`, stopped and removed afterwards.
    static func run<Value: Sendable>(
        arguments: [String] = [], progress: @escaping @Sendable (String) -> Void,
        _ body: (BenchStage) async throws -> Value
    ) async throws -> Value {
        let gateway = try await BenchGateway.start(arguments: arguments, progress: progress)
        do {
            let value = try await body(try await set(up: gateway, progress: progress))
            await gateway.stop()
            return value
        } catch {
            await gateway.stop()
            throw error
        }
    }

    var baseURL: String { "http://127.0.0.1:\(gateway.httpPort)" }

    /// As the app.
    var api: GatewayAPI { GatewayAPI(baseURL, authorization: .app(id: app.id, secret: app.secret)) }

    /// For two hours.
    func token() async throws -> String { try await GatewayAPI(baseURL).token(appID: app.id, secret: app.secret).value }

    /// What the tenant's own server gives a user who registers.
    func signature(for userID: String) throws -> String {
        let now = Int64(Date().timeIntervalSince1970)
        return try UserSignature.makeJWT(
            appID: app.id, userID: userID, key: app.signingKey, issuedAt: now, expiresAt: now + 3600)
    }
}

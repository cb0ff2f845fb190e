import Foundation
import PushCredentials
import PushGateClient

/// Connected devices that nobody writes to: the broker has to look after them all the same.
final class QuietSessions: Sendable {
    private let loop: ClientLoop
    private let clients: [DeviceClient]

    init(_ count: Int, of tenant: TortureWorld.Tenant, at api: GatewayAPI) async throws {
        let loop = try ClientLoop()
        let now = Int64(Date().timeIntervalSince1970)
        var sessions: [DeviceSession] = []
        try await withThrowingTaskGroup(of: DeviceSession.self) { group in
            for number in 0..<count {
                if number >= 16, let session = try await group.next() { sessions.append(session) }
                let user = "quiet\(number)"
                let signature = try UserSignature.makeJWT(
                    appID: tenant.app.id, userID: user, key: tenant.app.signingKey, issuedAt: now,
                    expiresAt: now + 3600)
                group.addTask {
                    try await api.register(
                        DeviceRegistration(uniqueCode: user, userID: user, osType: .android), signature: signature)
                }
            }
            for try await session in group { sessions.append(session) }
        }
        self.loop = loop
        clients = sessions.map { DeviceClient($0, loop: loop) { _, _ in } }
        for client in clients { try client.connect() }
    }

    func end() async { await loop.shutdown(drain: .zero) }
}

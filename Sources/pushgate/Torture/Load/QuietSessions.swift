import Foundation
import PushGateClient

/// Connected devices that nobody writes to: the broker has to look after them all the same.
final class QuietSessions: Sendable {
    private let loop: ClientLoop
    private let clients: [DeviceClient]

    init(_ count: Int, of tenant: TortureWorld.Tenant, at api: GatewayAPI) async throws {
        var sessions: [DeviceSession] = []
        try await withThrowingTaskGroup(of: DeviceSession.self) { group in
            for number in 0..<count {
                if number >= 16, let session = try await group.next() { sessions.append(session) }
                group.addTask {
                    try await tenant.register("quiet\(number)", user: "quiet\(number)", tokens: [], api)
                }
            }
            for try await session in group { sessions.append(session) }
        }
        let loop = try ClientLoop()
        self.loop = loop
        var options = DeviceClient.Options()
        options.receivesBroadcasts = false
        clients = sessions.map { DeviceClient($0, loop: loop, options: options) { _, _ in } }
    }

    func connect() throws {
        for client in clients {
            do { try client.connect() } catch DeviceClientError.alreadyConnected { continue }
        }
    }

    func untilConnected(within limit: Duration = .seconds(60)) async throws {
        let deadline = ContinuousClock.now + limit
        while !clients.allSatisfy(\.isConnected) {
            guard ContinuousClock.now < deadline else {
                let connected = clients.count(where: \.isConnected)
                throw TortureFault("only \(connected) of \(clients.count) quiet sessions after \(limit)")
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    func disconnect() async {
        await withDiscardingTaskGroup { group in
            for client in clients { group.addTask { await client.disconnect() } }
        }
    }

    func end() async { await loop.shutdown(drain: .zero) }
}

import Logging
import PushCore
import ServiceLifecycle
import Synchronization

/// A part of the core as a service: runs until the group stops, then is cancelled, or stopped by `stop` where it has to
/// finish what it took.
struct Worker: Service, CustomStringConvertible {
    let description: String
    private let body: @Sendable () async -> Void
    private let stop: (@Sendable () async -> Void)?

    init(
        _ name: String, _ body: @escaping @Sendable () async -> Void, stop: (@Sendable () async -> Void)? = nil
    ) {
        description = name
        self.body = body
        self.stop = stop
    }

    func run() async {
        guard let stop else { return await cancelWhenGracefulShutdown(body) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await body() }
            group.addTask {
                try? await gracefulShutdown()  // throws on cancellation only: stop then, too
                await stop()
            }
        }
    }
}

/// Something that only has to be closed when its turn comes.
struct Closing: Service, CustomStringConvertible {
    let description: String
    private let close: @Sendable () async -> Void

    init(_ name: String, _ close: @escaping @Sendable () async -> Void) {
        description = name
        self.close = close
    }

    func run() async {
        try? await gracefulShutdown()  // throws on cancellation only: close then, too
        await close()
    }
}

/// Notes when devices were connected, in batches. Information for people: what a crash loses is not missed.
final class SeenDevices: Sendable {
    private let devices: any DeviceStore
    private let logger: Logger
    private let pending = Mutex<[String: Milliseconds]>([:])
    private static let pendingMax = 100_000

    init(devices: any DeviceStore, logger: Logger) {
        self.devices = devices
        self.logger = logger
    }

    func note(_ changes: [PresenceChange]) {
        pending.withLock { pending in
            for change in changes where pending.count < Self.pendingMax {
                switch change {
                case .connected(let connection), .disconnected(let connection):
                    pending[connection.deviceID] = connection.at
                }
            }
        }
    }

    func run() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(5))  // throws on cancellation only: write then, too
            let taken = pending.withLock { pending in
                defer { pending.removeAll() }
                return pending
            }
            guard !taken.isEmpty else { continue }
            do {
                var seen: [(device: DeviceKey, at: Milliseconds)] = []
                for (deviceID, at) in taken {
                    if case .active(let identity) = try await devices.lookUp(deviceID: deviceID) {
                        seen.append((identity.key, at))
                    }
                }
                try await devices.noteSeen(seen)
            } catch {
                logger.notice("last seen times were not written", metadata: ["error": "\(error)"])
            }
        }
    }
}

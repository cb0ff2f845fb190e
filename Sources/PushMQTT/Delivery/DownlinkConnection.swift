import BrokerControl
import Logging
import MosquittoClient
import PushCore

/// Publishes to devices over a few connections. An account always uses the same one, so its entries keep their order.
public final class DownlinkConnection: DownlinkPublisher {
    private let sessions: [MQTTSession]
    /// Publishes of a session that wait for those under way.
    private static let waitingMax = 4000

    /// One for each session; none where the broker does not understand envelopes.
    private let streams: [EnvelopeStream]

    /// - Parameter count: connections; one carries about what one broker can.
    public init(_ connection: GatewayConnection, count: Int, loop: MQTTLoop, logger: Logger) throws {
        sessions = try (0..<count).map { index in
            var options = connection.options(clientID: "\(BrokerIdentity.gatewayClientPrefix)downlink-\(index)")
            options.queuedPublishesMax = Self.waitingMax
            return try loop.makeSession(options) { _, event in
                switch event {
                case .connectRefused(let code, _):
                    logger.warning("the broker refused the gateway", metadata: ["code": "\(code)"])
                case .disconnected(let reason) where reason != .requested:
                    logger.notice("a downlink connection ended", metadata: ["reason": "\(reason)"])
                default: break
                }
            }
        }
        streams = connection.hasPlugin ? sessions.map { EnvelopeStream($0, waitingMax: Self.waitingMax) } : []
    }

    public var isConnected: Bool { sessions.allSatisfy(\.isConnected) }

    public func publish(
        topic: String, payload: [UInt8], expirySeconds: UInt32?, account: AccountKey,
        completion: @escaping @Sendable (PushCore.PublishOutcome) -> Void
    ) -> Bool {
        let index = Int(UInt64(bitPattern: account.rawValue) % UInt64(sessions.count))
        let session = sessions[index]
        // The session would keep it until the broker is back; by then it may say what is not true any more.
        guard session.isConnected else { return false }
        guard streams.isEmpty else {
            return streams[index].publish(topic: topic, payload: payload, expirySeconds: expirySeconds) {
                completion(Self.outcome(of: $0))
            }
        }
        do {
            try session.publish(
                topic: topic, payload: payload,
                properties: MQTTPublishProperties(messageExpirySeconds: expirySeconds)
            ) { completion(Self.outcome(of: $0)) }
            return true
        } catch {
            return false
        }
    }

    public func publishTransient(topic: String, payload: [UInt8]) {
        // Transient is what its name says: a full queue or a closed session drops it.
        try? sessions[0].publish(topic: topic, payload: payload, qos: .atMostOnce)
    }

    /// Waits for what is outstanding and disconnects.
    public func stop() async {
        for stream in streams { await stream.drain(atMost: .seconds(3)) }
        for session in sessions { await session.stop(drain: .seconds(3)) }
    }

    private static func outcome(of outcome: MosquittoClient.PublishOutcome) -> PushCore.PublishOutcome {
        switch outcome {
        case .acknowledged(reasonCode: 16): .nobodySubscribed
        case .acknowledged(let code) where code >= 128: .refused(reasonCode: code)
        case .acknowledged, .written: .taken
        case .refused(let failure):
            // The library will not take it, and would not the next time. Sync and the vendor's push still deliver it.
            .refused(reasonCode: failure.kind == .packetTooLarge ? 149 : 128)
        case .lost: .lost
        }
    }
}

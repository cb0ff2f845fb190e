import Foundation
import MosquittoClient
import PushGateClient
import Synchronization
import TestWaiting

/// An MQTT client that knows nothing of the gateway: it connects, subscribes, publishes and keeps what comes.
final class PlainClient: Sendable {
    private struct State {
        var messages: [MQTTMessage] = []
        var isConnected = false
        var refusal: UInt8?
        var ends = 0
    }

    /// The log outlives the session's handler.
    private final class Log: Sendable {
        let state = Mutex(State())
    }

    private let log: Log
    private let loop: MQTTLoop
    let session: MQTTSession

    /// - Parameters:
    ///   - clientID, username, password: in place of those of the device.
    init(
        _ device: DeviceSession, version: MQTTSession.ProtocolVersion = .v5, clientID: String? = nil,
        username: String? = nil, password: String? = nil, caFile: String? = nil
    ) throws {
        loop = try MQTTLoop()
        let log = Log()
        self.log = log
        let secret = password ?? device.credential.value
        var options = MQTTSession.Options(
            host: device.broker.host, port: device.broker.port, clientID: clientID ?? device.deviceID,
            username: username ?? device.account, password: { secret })
        options.protocolVersion = version
        options.retriesWhenRefused = false
        options.tls = caFile.map { MQTTSession.TLS(caFile: $0) }
        options.reconnectDelay = ReconnectDelay(initial: .seconds(60), maximum: .seconds(60))
        session = try loop.makeSession(options) { _, event in
            log.state.withLock { state in
                switch event {
                case .connected: state.isConnected = true
                case .disconnected:
                    state.isConnected = false
                    state.ends += 1
                case .connectRefused(let code, _): state.refusal = code
                case .message(let message): state.messages.append(message)
                default: break
                }
            }
        }
    }

    var messages: [MQTTMessage] { log.state.withLock { $0.messages } }
    /// How often an established connection ended.
    var ends: Int { log.state.withLock { $0.ends } }

    /// nil when the broker let it in, else the code of its refusal.
    func admission() async throws -> UInt8? {
        try await eventually("the broker answers CONNECT") {
            log.state.withLock { state in state.isConnected ? .some(nil) : state.refusal.map { .some($0) } }
        }
    }

    /// A message on the topic that fits, once it is here.
    func message(
        on topic: String, where matches: (JSONValue) -> Bool = { _ in true }
    ) async throws -> (json: JSONValue, properties: MQTTPublishProperties) {
        try await eventually("a message on \(topic)") {
            for message in messages where message.topic == topic {
                guard let json = try? JSONValue(parsing: message.payload), matches(json) else { continue }
                return (json, message.properties)
            }
            return nil
        }
    }

    /// The device's request and its reply.
    func request(_ operation: String, of device: DeviceSession, _ body: JSONValue = [:]) async throws -> JSONValue {
        let id = UUID().uuidString
        let members = [JSONValue.Member("requestId", .string(id))] + (body.members ?? [])
        try await session.publish(
            topic: "\(device.topics.up)/\(operation)", payload: JSONValue.object(members).bytes)
        return try await message(on: device.topics.reply) { $0["requestId"]?.string == id }.json
    }

    func end() async { await loop.shutdown(drain: .seconds(1)) }
}

import BrokerControl
import BrokerPolicy
import CMosquittoBroker
import PushCredentials

#if canImport(Glibc)
    import Glibc
#endif
#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The rules, tied to the broker. One for the life of the broker; its address is the callbacks' userdata.
///
/// The policy must not be in use while a function of the broker is called that may call back (closing a client does):
/// two accesses at a time are a trap.
final class BrokerPlugin {
    private var policy: BrokerPolicy
    private var lifeline: Lifeline?
    private var identifier: OpaquePointer?

    init(_ settings: PluginSettings) throws(PluginFault) {
        policy = BrokerPolicy(
            verifier: try Self.verifier(keysFile: settings.keysFile),
            gatewayPasswordHash: settings.gatewayPasswordHash,
            boot: String(UInt64.random(in: .min ... .max), radix: 36))
        lifeline = settings.isLifelineUsed ? Lifeline() : nil
    }

    private static func verifier(keysFile: String) throws(PluginFault) -> DeviceCredentialVerifier {
        guard let text = try? Data(contentsOf: URL(filePath: keysFile)) else {
            throw PluginFault(text: "the keys file cannot be read")
        }
        guard let verifier = try? DeviceCredentialVerifier(jwks: Array(text)) else {
            throw PluginFault(text: "the keys file is no JSON Web Key Set with a P-256 key")
        }
        return verifier
    }

    // MARK: Registration

    func register(with identifier: OpaquePointer) throws(PluginFault) {
        let userdata = Unmanaged.passUnretained(self).toOpaque()
        for callback in PluginCallback.all {
            let status = callback.withTopic { topic in
                mosquitto_callback_register(identifier, callback.event, callback.function, topic, userdata)
            }
            guard status == Status.success else {
                throw PluginFault(text: "the broker refused the registration for event \(callback.event)")
            }
        }
        self.identifier = identifier
    }

    func unregister() {
        guard let identifier else { return }
        for callback in PluginCallback.all {
            _ = callback.withTopic { topic in
                mosquitto_callback_unregister(identifier, callback.event, callback.function, topic)
            }
        }
        self.identifier = nil
    }

    // MARK: Events

    func authenticate(_ event: mosquitto_evt_basic_auth) -> Int32 {
        guard let client = event.client else { return Status.notAuthenticated }
        let request = BrokerPolicy.ConnectRequest(
            client: UInt(bitPattern: client), clientID: text(mosquitto_client_id(client)),
            username: text(event.username), password: text(event.password))
        switch policy.authenticate(request, at: WallClock.milliseconds) {
        case .accepted:
            return Status.success
        case .refused(let refusal):
            BrokerLog.debug("a connection was refused: \(refusal)")
            return Status.notAuthenticated
        }
    }

    func checkAccess(_ event: mosquitto_evt_acl_check) -> Int32 {
        guard let client = event.client, let topic = text(event.topic), let access = TopicAccess(event.access) else {
            return Status.notAllowed
        }
        if access == .read, policy.isGathered(topic, for: UInt(bitPattern: client)) { return Status.notAllowed }
        let isAllowed = policy.allows(
            access, topic: topic, isRetained: event.retain, client: UInt(bitPattern: client),
            at: WallClock.milliseconds)
        return isAllowed ? Status.success : Status.notAllowed
    }

    /// A message of a client that may publish it; the broker routes it next.
    func received(_ event: mosquitto_evt_message) {
        guard let client = event.client, let topic = event.topic else { return }
        var responseTopic: UnsafeMutablePointer<CChar>?
        var data: UnsafeMutableRawPointer?
        var dataBytes: UInt16 = 0
        if let properties = event.properties {
            mosquitto_property_read_string(
                properties, Int32(MQTT_PROP_RESPONSE_TOPIC.rawValue), &responseTopic, false)
            mosquitto_property_read_binary(
                properties, Int32(MQTT_PROP_CORRELATION_DATA.rawValue), &data, &dataBytes, false)
        }
        defer {
            free(responseTopic)
            free(data)
        }
        let publish = EnvelopedPublish(
            topic: UnsafeRawBufferPointer(start: topic, count: strlen(topic)),
            payload: UnsafeRawBufferPointer(
                start: event.payload, count: event.payload == nil ? 0 : Int(event.payloadlen)),
            responseTopic: responseTopic.map { UnsafeRawBufferPointer(start: $0, count: strlen($0)) },
            correlationData: data.map { UnsafeRawBufferPointer(start: $0, count: Int(dataBytes)) })
        if let full = policy.gather(publish, from: UInt(bitPattern: client)) { send(requests: full) }
    }

    func disconnected(_ event: mosquitto_evt_disconnect) {
        guard let client = event.client else { return }
        policy.disconnected(UInt(bitPattern: client), at: WallClock.milliseconds)
    }

    /// Always a success: any other answer makes the broker close the connection that the command came by.
    func control(_ event: mosquitto_evt_control) -> Int32 {
        guard let client = event.client else { return Status.success }
        let payload = event.payload.map { Array(UnsafeRawBufferPointer(start: $0, count: Int(event.payloadlen))) } ?? []
        let result = policy.receive(payload, from: UInt(bitPattern: client), at: WallClock.milliseconds)
        if result != .done {
            BrokerLog.warning("a command was ignored: \(result)")
        }
        return Status.success
    }

    /// Hands each publish of an envelope to the broker, which delivers them before it looks at its sockets again.
    ///
    /// Always a success: after any other answer the gateway would connect again and send the same envelope.
    func publish(_ event: mosquitto_evt_control) -> Int32 {
        guard let client = event.client else { return Status.success }
        let envelope = UnsafeRawBufferPointer(
            start: event.payload, count: event.payload == nil ? 0 : Int(event.payloadlen))
        do throws(BrokerPolicy.EnvelopeFault) {
            try policy.open(envelope, from: UInt(bitPattern: client)) { publish in
                Self.publish(publish)
            }
        } catch {
            BrokerLog.error("an envelope was not delivered: \(error)")
        }
        return Status.success
    }

    private static func publish(_ publish: EnvelopedPublish) {
        var properties: OpaquePointer?
        if let seconds = publish.expirySeconds {
            mosquitto_property_add_int32(&properties, Int32(MQTT_PROP_MESSAGE_EXPIRY_INTERVAL.rawValue), seconds)
        }
        if let data = publish.correlationData {
            mosquitto_property_add_binary(
                &properties, Int32(MQTT_PROP_CORRELATION_DATA.rawValue), data.baseAddress,
                UInt16(truncatingIfNeeded: data.count))
        }
        let topic = publish.topic.baseAddress?.assumingMemoryBound(to: CChar.self)
        let status = mosquitto_broker_publish_copy(
            nil, topic, Int32(clamping: publish.payload.count), publish.payload.baseAddress, 1, false, properties)
        guard status != Status.success else { return }
        mosquitto_property_free_all(&properties)
        // The device's acknowledgement will be missing, and that is what starts the second road.
        BrokerLog.error("the broker has no memory for a message")
    }

    func reload() {
        policy.reloadBegan()
    }

    func tick() {
        let monotonic = MonotonicClock.milliseconds
        let actions = policy.tick(at: WallClock.milliseconds, monotonic: monotonic)
        for clientID in actions.disconnect {
            mosquitto_kick_client_by_clientid(clientID, false)
        }
        for report in actions.reports {
            send(report)
        }
        if let requests = actions.requests { send(requests: requests) }
        lifeline?.check(at: monotonic)
    }

    /// A report that cannot be sent leaves a gap in the numbers, which is how the gateway learns of it.
    private func send(_ report: [UInt8]) {
        _ = mosquitto_broker_publish_copy(
            BrokerIdentity.presenceClientID, BrokerTopic.presence, Int32(clamping: report.count), report, 1, false, nil)
    }

    /// At QoS 0, as the gateway subscribes to them: a device repeats a request until it has the reply.
    private func send(requests: [UInt8]) {
        let status = mosquitto_broker_publish_copy(
            BrokerIdentity.uplinkClientID, BrokerTopic.requests, Int32(clamping: requests.count), requests, 0, false,
            nil)
        if status != Status.success { BrokerLog.error("the broker has no memory for requests of devices") }
    }

    /// Nil for no pointer and for what is not UTF-8.
    private func text(_ characters: UnsafePointer<CChar>?) -> String? {
        characters.flatMap { String(validatingCString: $0) }
    }
}

extension TopicAccess {
    fileprivate init?(_ access: Int32) {
        switch access {
        case MOSQ_ACL_READ: self = .read
        case MOSQ_ACL_WRITE: self = .write
        case MOSQ_ACL_SUBSCRIBE: self = .subscribe
        case MOSQ_ACL_UNSUBSCRIBE: self = .unsubscribe
        default: return nil
        }
    }
}

import CMosquitto
import Glibc

/// An MQTT 5 property list of the library. Whoever makes one calls `free`.
struct PropertyList {
    private(set) var head: OpaquePointer?
    /// `false`: a property was refused (no memory, or not valid UTF-8).
    private(set) var isComplete = true

    init() {}

    init(_ properties: MQTTPublishProperties) {
        guard !properties.isEmpty else { return }
        if let seconds = properties.messageExpirySeconds {
            add(mosquitto_property_add_int32(&head, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL.code, seconds))
        }
        if let topic = properties.responseTopic {
            add(mosquitto_property_add_string(&head, MQTT_PROP_RESPONSE_TOPIC.code, topic))
        }
        if let data = properties.correlationData {
            let code = data.withUnsafeBytes {
                mosquitto_property_add_binary(
                    &head, MQTT_PROP_CORRELATION_DATA.code, $0.baseAddress, UInt16(truncatingIfNeeded: $0.count))
            }
            add(code)
        }
    }

    private mutating func add(_ code: Int32) {
        if code != MOSQ_ERR_SUCCESS.code { isComplete = false }
    }

    mutating func free() {
        if head != nil { mosquitto_property_free_all(&head) }
    }

    // MARK: Reading

    static func publishProperties(in list: OpaquePointer?) -> MQTTPublishProperties {
        var result = MQTTPublishProperties()
        var next = list
        while let property = next {
            switch mosquitto_property_identifier(property) {
            case MQTT_PROP_MESSAGE_EXPIRY_INTERVAL.code:
                var seconds: UInt32 = 0
                mosquitto_property_read_int32(property, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL.code, &seconds, false)
                result.messageExpirySeconds = seconds
            case MQTT_PROP_RESPONSE_TOPIC.code:
                var text: UnsafeMutablePointer<CChar>?
                mosquitto_property_read_string(property, MQTT_PROP_RESPONSE_TOPIC.code, &text, false)
                result.responseTopic = text.map { String(cString: $0) }
                Glibc.free(text)
            case MQTT_PROP_CORRELATION_DATA.code:
                var bytes: UnsafeMutableRawPointer?
                var count: UInt16 = 0
                mosquitto_property_read_binary(property, MQTT_PROP_CORRELATION_DATA.code, &bytes, &count, false)
                result.correlationData = Array(
                    UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : Int(count)))
                Glibc.free(bytes)
            default: break
            }
            next = mosquitto_property_next(property)
        }
        return result
    }

    static func limits(in list: OpaquePointer?) -> BrokerLimits {
        var limits = BrokerLimits()
        var next = list
        while let property = next {
            switch mosquitto_property_identifier(property) {
            case MQTT_PROP_RECEIVE_MAXIMUM.code:
                var value: UInt16 = 0
                mosquitto_property_read_int16(property, MQTT_PROP_RECEIVE_MAXIMUM.code, &value, false)
                limits.receiveMaximum = Int(value)
            case MQTT_PROP_MAXIMUM_PACKET_SIZE.code:
                var value: UInt32 = 0
                mosquitto_property_read_int32(property, MQTT_PROP_MAXIMUM_PACKET_SIZE.code, &value, false)
                limits.packetBytesMax = Int(value)
            default: break
            }
            next = mosquitto_property_next(property)
        }
        return limits
    }
}

extension mqtt5_property {
    var code: Int32 { Int32(rawValue) }
}

/// The size of a PUBLISH packet on the wire (MQTT 5, 3.3). The library's own check in 2.0.11 is a few bytes off and
/// would keep a message it can never send.
enum PublishPacket {
    static func byteCount(of publish: PendingPublish, isVersion5: Bool) -> Int {
        var remaining = 2 + publish.topic.utf8.count + publish.payload.count
        if publish.qos == .atLeastOnce { remaining += 2 }
        if isVersion5 {
            var properties = 0
            if publish.properties.messageExpirySeconds != nil { properties += 5 }
            if let topic = publish.properties.responseTopic { properties += 3 + topic.utf8.count }
            if let data = publish.properties.correlationData { properties += 3 + data.count }
            remaining += variableByteIntegerCount(properties) + properties
        }
        return 1 + variableByteIntegerCount(remaining) + remaining
    }

    /// MQTT 5, 1.5.5.
    private static func variableByteIntegerCount(_ value: Int) -> Int {
        switch value {
        case ..<128: 1
        case ..<16_384: 2
        case ..<2_097_152: 3
        default: 4
        }
    }
}

import BrokerControl
import CMosquittoBroker

/// An event of the broker and the C function that takes it.
struct PluginCallback {
    typealias Function =
        @convention(c) (Int32, UnsafeMutableRawPointer?, UnsafeMutableRawPointer?) -> Int32

    let event: Int32
    /// What a control callback is registered for; nil for the other events.
    let topic: String?
    let function: Function

    init(_ event: mosquitto_plugin_event, topic: String? = nil, _ function: @escaping Function) {
        self.event = Int32(event.rawValue)
        self.topic = topic
        self.function = function
    }

    /// Calls `body` with ``topic`` as the broker takes it.
    func withTopic(_ body: (UnsafeRawPointer?) -> Int32) -> Int32 {
        guard let topic else { return body(nil) }
        return topic.withCString { body($0) }
    }

    static let all = [
        PluginCallback(MOSQ_EVT_BASIC_AUTH) { _, event, userdata in
            guard let plugin = plugin(userdata), let event = read(event, as: mosquitto_evt_basic_auth.self) else {
                return Status.notAuthenticated
            }
            return plugin.authenticate(event)
        },
        PluginCallback(MOSQ_EVT_ACL_CHECK) { _, event, userdata in
            guard let plugin = plugin(userdata), let event = read(event, as: mosquitto_evt_acl_check.self) else {
                return Status.notAllowed
            }
            return plugin.checkAccess(event)
        },
        PluginCallback(MOSQ_EVT_MESSAGE) { _, event, userdata in
            guard let plugin = plugin(userdata), let event = read(event, as: mosquitto_evt_message.self) else {
                return Status.success
            }
            plugin.received(event)
            return Status.success
        },
        PluginCallback(MOSQ_EVT_DISCONNECT) { _, event, userdata in
            guard let plugin = plugin(userdata), let event = read(event, as: mosquitto_evt_disconnect.self) else {
                return Status.success
            }
            plugin.disconnected(event)
            return Status.success
        },
        PluginCallback(MOSQ_EVT_CONTROL, topic: BrokerTopic.control) { _, event, userdata in
            guard let plugin = plugin(userdata), let event = read(event, as: mosquitto_evt_control.self) else {
                return Status.success
            }
            return plugin.control(event)
        },
        PluginCallback(MOSQ_EVT_CONTROL, topic: BrokerTopic.publish) { _, event, userdata in
            guard let plugin = plugin(userdata), let event = read(event, as: mosquitto_evt_control.self) else {
                return Status.success
            }
            return plugin.publish(event)
        },
        PluginCallback(MOSQ_EVT_RELOAD) { _, _, userdata in
            plugin(userdata)?.reload()
            return Status.success
        },
        PluginCallback(MOSQ_EVT_TICK) { _, _, userdata in
            plugin(userdata)?.tick()
            return Status.success
        },
    ]
}

private func plugin(_ userdata: UnsafeMutableRawPointer?) -> BrokerPlugin? {
    userdata.map { Unmanaged<BrokerPlugin>.fromOpaque($0).takeUnretainedValue() }
}

private func read<Event>(_ event: UnsafeMutableRawPointer?, as type: Event.Type) -> Event? {
    event.map { $0.load(as: type) }
}

import BrokerControl

/// The text of mosquitto.conf(5). Every line that carries a path goes through ``checked(_:)``: a line feed in a path
/// would be a line of its own.
struct MosquittoConfiguration {
    struct Listener {
        let port: UInt16
        /// Address; for a WebSocket listener the name of an interface, or `nil` for all.
        let place: String?
        var isWebSocket = false
        var tls: (certificateFile: String, keyFile: String)?
    }

    struct Plugin {
        let libraryFile: String
        let keysFile: String
        let gatewayPasswordHash: String
    }

    let listeners: [Listener]
    let plugin: Plugin?

    func text() throws(BrokerFault) -> String {
        var lines = [
            "# Written by PushGate at each start of the broker; changes are lost.",
            "per_listener_settings false",
            // The archive is the truth; what the broker holds may be lost with it.
            "persistence false",
            "allow_zero_length_clientid false",
            "max_inflight_messages 1000",
            "max_queued_messages 20000",
            "max_packet_size 2097152",
            "set_tcp_nodelay true",
            // `false` would disconnect a client that sends the flag; the plugin refuses the message instead.
            "retain_available true",
            "sys_interval 10",
            "log_dest stderr",
            "log_timestamp false",
            "log_type error",
            "log_type warning",
            "log_type notice",
            "connection_messages false",
        ]
        if let plugin {
            lines += [
                "allow_anonymous false",
                "plugin \(try Self.checked(plugin.libraryFile))",
                "plugin_opt_\(BrokerPluginOption.keysFile) \(try Self.checked(plugin.keysFile))",
                "plugin_opt_\(BrokerPluginOption.gatewayPasswordHash) \(try Self.checked(plugin.gatewayPasswordHash))",
                "plugin_opt_\(BrokerPluginOption.lifeline) true",
            ]
        } else {
            lines.append("allow_anonymous true")
        }
        for listener in listeners {
            let place = if let place = listener.place { " " + (try Self.checked(place)) } else { "" }
            lines.append("listener \(listener.port)\(place)")
            lines.append("max_connections -1")
            if listener.isWebSocket { lines.append("protocol websockets") }
            if let tls = listener.tls {
                lines += [
                    "certfile \(try Self.checked(tls.certificateFile))",
                    "keyfile \(try Self.checked(tls.keyFile))",
                    "tls_version tlsv1.2",
                ]
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// - Throws: ``BrokerFault/invalidPath(_:)`` for text that Mosquitto would read differently: control characters,
    ///   and spaces at the ends, which it trims.
    static func checked(_ text: String) throws(BrokerFault) -> String {
        let isClean =
            !text.isEmpty && text.first != " " && text.last != " "
            && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F && $0.value != 0x85 }
        guard isClean else { throw .invalidPath(text) }
        return text
    }
}

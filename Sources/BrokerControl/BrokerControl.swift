// BrokerControl.swift
//
// What the gateway and its plugin inside Mosquitto say to each other. Both sides are built from this one file.
//
// Gateway to plugin: JSON commands published on ``BrokerTopic/control``, and messages to devices, many at a time, on
// ``BrokerTopic/publish``. Plugin to gateway: JSON reports on ``BrokerTopic/presence``, sent to the gateway's presence
// connection only, and the requests of devices on ``BrokerTopic/requests``, sent to its uplink connection only. None of
// these topics is readable or writable by devices.
//
// A report carries the broker's boot id and a number that grows by one with every report of that boot. A gap in the
// numbers, or another boot id, means that something was missed: ask for a snapshot.

public enum BrokerTopic {
    /// Commands to the plugin. Mosquitto hands `$CONTROL/…` to plugins only, never to subscribers.
    public static let control = "$CONTROL/pushgate/v1"
    /// A ``PublishEnvelope`` for the plugin.
    public static let publish = "$CONTROL/pushgate/publish/v1"
    /// Reports from the plugin.
    public static let presence = "presence/report"
    /// A ``PublishEnvelope`` of what devices published to the gateway.
    public static let requests = "requests/devices"
}

public enum BrokerIdentity {
    /// The gateway's MQTT user name. Its password is made anew at each broker start; the plugin knows the hash only.
    public static let gatewayUsername = "pushgate"
    /// Every connection of the gateway has a client id that begins so; devices' ids begin with `dev_`.
    public static let gatewayClientPrefix = "gateway-"
    /// The connection that receives the plugin's reports.
    public static let presenceClientID = "gateway-presence"
    /// The connection that receives the requests of devices.
    public static let uplinkClientID = "gateway-uplink"
}

/// `plugin_opt_…` lines of the generated mosquitto.conf.
public enum BrokerPluginOption {
    /// Path of a JWKS file (RFC 7517) with the public keys of device credentials.
    public static let keysFile = "keys_file"
    /// SHA-256 of the gateway's password, lower-case hexadecimal.
    public static let gatewayPasswordHash = "gateway_password_sha256"
    /// `true`: standard input is a pipe held by the gateway; at its end the broker stops.
    public static let lifeline = "lifeline"
}

/// A command from the gateway. `devices` are device ids.
public enum BrokerCommand: Codable, Sendable, Equatable {
    /// A page of the full list of ended devices whose credentials may not have expired. Sent at every connect of the
    /// gateway, from page 0 upwards; with the last page (`isLast`) the list takes effect as a whole, sessions on it are
    /// closed, and the plugin admits devices. Until then it admits nobody but the gateway.
    case endedDevices(page: Int, isLast: Bool, devices: [String])
    /// These devices ended just now: refuse them from here on and close their sessions.
    case endDevices([String])
    /// Report every live connection.
    case snapshot(request: String)
}

/// One connection of a device, as the broker sees it. Keyed by `connection`, never by the device: at a takeover the new
/// connection is accepted before the old one is closed.
public struct BrokerConnection: Codable, Sendable, Hashable {
    /// Unique within a boot of the broker.
    public let connection: UInt64
    public let device: String
    public let account: String
    /// When it was accepted or closed, milliseconds since 1970.
    public let at: Int64

    public init(connection: UInt64, device: String, account: String, at: Int64) {
        self.connection = connection
        self.device = device
        self.account = account
        self.at = at
    }
}

/// A report from the plugin.
public struct BrokerReport: Codable, Sendable, Equatable {
    public enum Change: Codable, Sendable, Equatable {
        case connected(BrokerConnection)
        case disconnected(BrokerConnection)
    }

    public enum Body: Codable, Sendable, Equatable {
        /// What happened since the last report, in order. At most 200 changes; at least one report every 100 ms
        /// while there are any.
        case changes([Change])
        /// A page of the connections that were live when the snapshot was asked for. At most 500 a page.
        case snapshot(request: String, page: Int, isLast: Bool, connections: [BrokerConnection])
        /// The list of ended devices took effect; devices are admitted.
        case ready
    }

    /// Made at random when the plugin starts.
    public let boot: String
    public let number: UInt64
    public let body: Body

    public init(boot: String, number: UInt64, body: Body) {
        self.boot = boot
        self.number = number
        self.body = body
    }
}

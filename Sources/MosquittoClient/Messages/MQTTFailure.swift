/// Why a connection could not be made or was lost, or why the library refused a call.
public struct MQTTFailure: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Kind: String, Sendable, Hashable {
        /// Host name unknown or the resolver did not answer.
        case nameNotFound
        /// TCP: refused, unreachable, reset, closed by the other side.
        case network
        /// TLS handshake, certificate or CA file.
        case tls
        /// No CONNACK within the connect deadline.
        case connectTimedOut
        /// The broker did not answer a PINGREQ in time.
        case keepAliveTimedOut
        /// The other side does not speak MQTT as expected.
        case protocolError
        /// The packet is larger than the broker (or the options) allow.
        case packetTooLarge
        /// A user name, password or client id that cannot be sent (for example, containing NUL).
        case invalidCredentials
        /// A topic or filter that MQTT does not allow.
        case invalidTopic
        /// Anything else; see `detail`.
        case other
    }

    public let kind: Kind
    /// For logs. Never contains credentials or payload.
    public let detail: String

    public init(_ kind: Kind, _ detail: String = "") {
        self.kind = kind
        self.detail = detail
    }

    public var description: String { detail.isEmpty ? kind.rawValue : "\(kind.rawValue): \(detail)" }
}

/// A call that was not accepted; nothing was queued.
public enum MQTTCallError: Error, Sendable, Hashable {
    /// The session's queue is at its bound (``MQTTSession/Options/queuedPublishesMax``). Try again when completions
    /// have come.
    case queueFull
    /// `stop()` was called, the loop was shut down, or the broker refused the session and retrying was switched off.
    case stopped
    /// Empty, longer than 65 535 bytes, or containing NUL or (in a topic to publish to) a wildcard.
    case invalidTopic
    /// Larger than any MQTT packet can be (268 435 455 bytes, MQTT 5, 2.1.4).
    case payloadTooLarge
    /// Options that MQTT or the library do not allow; the text names the option.
    case invalidOption(String)
    /// An `async` call whose answer was lost with the connection or with `stop()`.
    case lost
    /// An `async` call that the library refused.
    case failed(MQTTFailure)
}

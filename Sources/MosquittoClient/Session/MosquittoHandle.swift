// MosquittoHandle.swift
//
// The only file that touches `struct mosquitto`.
//
// The library is driven from outside: no call here starts a thread, waits on a socket or resolves a name for long
// (`connect` may, see there). `mosquitto_loop_start`, `mosquitto_loop_forever` and `mosquitto_loop` are not used: the
// first two end their thread silently on a refused MQTT 5 CONNACK, on a TLS or name error, and all three on a socket
// number above 1023 (`select`).

import CMosquitto
import Glibc

/// What a broker said about itself in CONNACK.
struct BrokerLimits {
    /// QoS 1 publishes it takes before it has acknowledged any (MQTT 5 Receive Maximum).
    var receiveMaximum: Int?
    var packetBytesMax: Int?
}

/// Called from inside `read`, `write` and `misc`, on the thread that called them.
protocol MosquittoHandleOwner: AnyObject {
    func received(connack code: UInt8, sessionPresent: Bool, limits: BrokerLimits)
    func received(message: MQTTMessage)
    func completed(publish packetID: UInt16, reasonCode: UInt8)
    func completed(subscribe packetID: UInt16, granted: [UInt8])
    func completed(unsubscribe packetID: UInt16)
    /// The socket was closed: a library code, or, from 128 on, the reason in the broker's DISCONNECT.
    func closed(code: Int32, systemError: Int32)
}

final class MosquittoHandle {
    private let pointer: OpaquePointer
    private unowned let owner: any MosquittoHandleOwner
    let isVersion5: Bool

    /// libmosquitto's set-up is not thread-safe; a global constant runs once.
    private static let libraryIsReady: Bool = mosquitto_lib_init() == MOSQ_ERR_SUCCESS.code

    init(options: MQTTSession.Options, owner: any MosquittoHandleOwner) throws(MQTTFailure) {
        guard Self.libraryIsReady, let pointer = mosquitto_new(options.clientID, options.cleanStart, nil) else {
            throw MQTTFailure(.other, "libmosquitto has no memory for another client")
        }
        self.pointer = pointer
        self.owner = owner
        self.isVersion5 = options.protocolVersion == .v5
        mosquitto_user_data_set(pointer, Unmanaged.passUnretained(self).toOpaque())
        // Packets are only queued by calls and written by `write`: needed for "store, then acknowledge".
        mosquitto_threaded_set(pointer, true)
        let version = options.protocolVersion == .v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311
        mosquitto_int_option(pointer, MOSQ_OPT_PROTOCOL_VERSION, version)
        mosquitto_int_option(pointer, MOSQ_OPT_SEND_MAXIMUM, Int32(options.outstandingPublishesMax))
        mosquitto_int_option(pointer, MOSQ_OPT_RECEIVE_MAXIMUM, Int32(options.receiveMaximum))
        mosquitto_int_option(pointer, MOSQ_OPT_TCP_NODELAY, 1)
        try configureTLS(options.tls)
        setCallbacks()
    }

    /// Closes the socket without DISCONNECT and frees everything. No callback comes out of it.
    deinit { mosquitto_destroy(pointer) }

    private func configureTLS(_ tls: MQTTSession.TLS?) throws(MQTTFailure) {
        guard let tls else { return }
        let code: Int32
        if let caFile = tls.caFile {
            code = mosquitto_tls_set(pointer, caFile, nil, nil, nil, nil)
        } else {
            code = mosquitto_int_option(pointer, MOSQ_OPT_TLS_USE_OS_CERTS, 1)
        }
        guard code == MOSQ_ERR_SUCCESS.code else { throw MQTTFailure(library: code, detail: "CA file") }
        // 1 is SSL_VERIFY_PEER. The library's own default would also allow TLS 1.1.
        mosquitto_tls_opts_set(pointer, tls.verifiesCertificate ? 1 : 0, "tlsv1.2", nil)
        mosquitto_tls_insecure_set(pointer, !tls.verifiesCertificate)
    }

    private func setCallbacks() {
        mosquitto_connect_v5_callback_set(pointer) { _, context, code, flags, properties in
            guard let handle = MosquittoHandle.of(context) else { return }
            handle.owner.received(
                connack: UInt8(truncatingIfNeeded: code), sessionPresent: flags & 1 == 1,
                limits: PropertyList.limits(in: properties))
        }
        mosquitto_disconnect_v5_callback_set(pointer) { _, context, code, _ in
            let systemError = errno
            MosquittoHandle.of(context)?.owner.closed(code: code, systemError: systemError)
        }
        mosquitto_publish_v5_callback_set(pointer) { _, context, packetID, reasonCode, _ in
            MosquittoHandle.of(context)?.owner.completed(
                publish: UInt16(truncatingIfNeeded: packetID), reasonCode: UInt8(truncatingIfNeeded: reasonCode))
        }
        mosquitto_message_v5_callback_set(pointer) { _, context, message, properties in
            guard let handle = MosquittoHandle.of(context), let message = message?.pointee else { return }
            let payload = UnsafeRawBufferPointer(start: message.payload, count: Int(message.payloadlen))
            handle.owner.received(
                message: MQTTMessage(
                    topic: String(cString: message.topic), payload: Array(payload),
                    qos: UInt8(truncatingIfNeeded: message.qos), retain: message.retain,
                    properties: PropertyList.publishProperties(in: properties)))
            // `mosquitto_loop_read` stops at EAGAIN. Queueing the PUBACK may have left one behind (the library's own
            // wake-up pipe, full because nobody needs it); with TLS it would then leave decrypted bytes unread.
            errno = 0
        }
        mosquitto_subscribe_v5_callback_set(pointer) { _, context, packetID, count, granted, _ in
            let codes = UnsafeBufferPointer(start: granted, count: Int(count)).map { UInt8(truncatingIfNeeded: $0) }
            MosquittoHandle.of(context)?.owner.completed(
                subscribe: UInt16(truncatingIfNeeded: packetID), granted: codes)
        }
        mosquitto_unsubscribe_v5_callback_set(pointer) { _, context, packetID, _ in
            MosquittoHandle.of(context)?.owner.completed(unsubscribe: UInt16(truncatingIfNeeded: packetID))
        }
    }

    private static func of(_ context: UnsafeMutableRawPointer?) -> MosquittoHandle? {
        context.map { Unmanaged<MosquittoHandle>.fromOpaque($0).takeUnretainedValue() }
    }

    // MARK: Connection

    /// -1 when there is none. Changes with each connect.
    var socket: Int32 { mosquitto_socket(pointer) }
    var wantsWrite: Bool { mosquitto_want_write(pointer) }

    func setCredentials(username: String?, password: String?) -> Int32 {
        mosquitto_username_pw_set(pointer, username, password)
    }

    /// Starts a TCP connect and queues CONNECT; closes the socket of the connection before. Does not block when `host`
    /// is an address; with a name it waits for the resolver.
    func connect(host: String, port: UInt16, keepAliveSeconds: UInt16) -> Int32 {
        mosquitto_connect_async(pointer, host, Int32(port), Int32(keepAliveSeconds))
    }

    func read() -> Int32 { mosquitto_loop_read(pointer, 1) }
    func write() -> Int32 { mosquitto_loop_write(pointer, 1) }
    /// Sends PINGREQ when due and notices a broker that does not answer. At least once a second.
    func misc() -> Int32 { mosquitto_loop_misc(pointer) }
    func disconnect() -> Int32 { mosquitto_disconnect_v5(pointer, 0, nil) }

    // MARK: Packets

    /// - Returns: the library's code and the packet id it used (0 when it used none). With QoS 1 the codes 0 and 4 (not
    ///   connected) mean that the library owns the message and will send it, again if need be: never repeat it.
    func publish(_ publish: PendingPublish) -> (code: Int32, packetID: UInt16) {
        var packetID: Int32 = 0
        var properties = isVersion5 ? PropertyList(publish.properties) : PropertyList()
        defer { properties.free() }
        guard properties.isComplete else { return (MOSQ_ERR_NOMEM.code, 0) }
        let code = publish.payload.withUnsafeBytes { payload in
            mosquitto_publish_v5(
                pointer, &packetID, publish.topic, Int32(payload.count), payload.baseAddress,
                Int32(publish.qos.rawValue), publish.retain, properties.head)
        }
        return (code, UInt16(truncatingIfNeeded: packetID))
    }

    func subscribe(_ filters: [String], qos: MQTTQoS) -> (code: Int32, packetID: UInt16) {
        var packetID: Int32 = 0
        let code = withCStrings(filters) {
            mosquitto_subscribe_multiple(pointer, &packetID, Int32(filters.count), $0, Int32(qos.rawValue), 0, nil)
        }
        return (code, UInt16(truncatingIfNeeded: packetID))
    }

    func unsubscribe(_ filters: [String]) -> (code: Int32, packetID: UInt16) {
        var packetID: Int32 = 0
        let code = withCStrings(filters) {
            mosquitto_unsubscribe_multiple(pointer, &packetID, Int32(filters.count), $0, nil)
        }
        return (code, UInt16(truncatingIfNeeded: packetID))
    }

    private func withCStrings<R>(
        _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> R
    ) -> R where R: BitwiseCopyable {
        let copies = strings.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<CChar>?.self, capacity: copies.count + 1) {
            for (index, copy) in copies.enumerated() { $0.initializeElement(at: index, to: copy) }
            $0.initializeElement(at: copies.count, to: nil)
            guard let start = $0.baseAddress else { preconditionFailure("an allocation of at least one element") }
            return body(UnsafePointer(start))
        }
    }
}

extension mosq_err_t {
    var code: Int32 { Int32(rawValue) }
}

extension MQTTFailure {
    /// From a library code; `systemError` is `errno` where the code says "see errno".
    init(library code: Int32, systemError: Int32 = 0, detail: String? = nil) {
        let kind: Kind =
            switch code {
            case MOSQ_ERR_EAI.code: .nameNotFound
            case MOSQ_ERR_ERRNO.code, MOSQ_ERR_CONN_LOST.code, MOSQ_ERR_NO_CONN.code: .network
            case MOSQ_ERR_TLS.code, MOSQ_ERR_TLS_HANDSHAKE.code: .tls
            case MOSQ_ERR_KEEPALIVE.code: .keepAliveTimedOut
            case MOSQ_ERR_PROTOCOL.code, MOSQ_ERR_MALFORMED_PACKET.code: .protocolError
            case MOSQ_ERR_OVERSIZE_PACKET.code, MOSQ_ERR_PAYLOAD_SIZE.code: .packetTooLarge
            case MOSQ_ERR_MALFORMED_UTF8.code: .invalidTopic
            default: .other
            }
        var text = detail ?? mosquitto_strerror(code).map { String(cString: $0) } ?? "code \(code)"
        if code == MOSQ_ERR_ERRNO.code, systemError != 0, let reason = strerror(systemError) {
            text = systemError == EPROTO ? "TLS error" : String(cString: reason)
        }
        self.init(code == MOSQ_ERR_ERRNO.code && systemError == EPROTO ? .tls : kind, text)
    }
}

/// The library codes the session's rules depend on.
enum MosquittoCode {
    /// MOSQ_ERR_NO_CONN.
    static let noConnection = MOSQ_ERR_NO_CONN.code
    /// MOSQ_ERR_KEEPALIVE.
    static let keepAlive = MOSQ_ERR_KEEPALIVE.code
}

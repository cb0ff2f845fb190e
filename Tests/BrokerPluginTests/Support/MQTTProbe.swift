import Foundation
import TestWaiting

/// A bare MQTT client that also sends what no library would.
///
/// Every wait has an end: 10 seconds, then it throws.
final class MQTTProbe {
    enum Version: UInt8 {
        case v311 = 4
        case v5 = 5
    }

    struct Will {
        let topic: String
        var isRetained = false
    }

    struct Message: Equatable {
        let topic: String
        let payload: String
        /// MQTT 5.
        var expirySeconds: UInt32?
        var correlationData: String?
    }

    struct Closed: Error {}

    private struct Packet {
        let type: UInt8
        let flags: UInt8
        let body: [UInt8]
    }

    /// CONNACK of a good connection, and SUBACK of a QoS 1 subscription.
    static let accepted: UInt8 = 0
    /// MQTT 5 reason "not authorized".
    static let notAuthorized: UInt8 = 0x87
    /// MQTT 3.1.1 SUBACK failure.
    static let subscriptionFailed: UInt8 = 0x80

    private let version: Version
    private var descriptor: Int32
    private var received: [UInt8] = []
    private var messages: [(message: Message, bytes: [UInt8])] = []
    private var lastPacketID: UInt16 = 0

    init(port: UInt16, version: Version = .v5) throws {
        self.version = version
        descriptor = try Loopback.connect(port: port)
    }

    deinit { close() }

    // MARK: Sending

    /// Sends CONNECT; the code of the CONNACK.
    func connect(
        clientID: String, username: String?, password: String?, isClean: Bool = true, will: Will? = nil
    ) throws -> UInt8 {
        try connect(
            clientID: Array(clientID.utf8), username: username.map { Array($0.utf8) },
            password: password.map { Array($0.utf8) }, isClean: isClean, will: will)
    }

    func connect(
        clientID: [UInt8], username: [UInt8]?, password: [UInt8]?, isClean: Bool = true, will: Will? = nil
    ) throws -> UInt8 {
        var flags: UInt8 = isClean ? 0x02 : 0
        if username != nil { flags |= 0x80 }
        if password != nil { flags |= 0x40 }
        if let will { flags |= 0x04 | 0x08 | (will.isRetained ? 0x20 : 0) }
        var body = field("MQTT") + [version.rawValue, flags, 0, 60]
        // Session expiry interval: as long as 3.1.1 keeps a session that is not clean.
        body += properties(isClean ? [] : [0x11, 0xFF, 0xFF, 0xFF, 0xFF])
        body += field(clientID)
        if let will { body += properties() + field(will.topic) + field("will") }
        body += username.map(field) ?? []
        body += password.map(field) ?? []
        try send(type: 1, body: body)
        return try packet(of: 2).body[1]
    }

    /// Sends SUBSCRIBE with QoS 1; the code of the SUBACK.
    func subscribe(_ filter: String) throws -> UInt8 {
        try send(type: 8, flags: 2, body: nextPacketID() + properties() + field(filter) + [1])
        let body = try packet(of: 9).body
        let code = body.last ?? 0xFF
        return code == 1 ? Self.accepted : code
    }

    /// Sends PUBLISH with QoS 1; the reason of the PUBACK (always 0 with MQTT 3.1.1).
    @discardableResult
    func publish(_ topic: String, _ payload: String = "{}", isRetained: Bool = false) throws -> UInt8 {
        try publish(topic, Array(payload.utf8), isRetained: isRetained)
    }

    /// - Parameter properties: as they are encoded; only with MQTT 5.
    @discardableResult
    func publish(
        _ topic: String, _ payload: [UInt8], isRetained: Bool = false, properties: [UInt8] = []
    ) throws -> UInt8 {
        try send(
            type: 3, flags: isRetained ? 3 : 2,
            body: field(topic) + nextPacketID() + self.properties(properties) + payload)
        let body = try packet(of: 4).body
        return body.count > 2 ? body[2] : 0
    }

    func disconnect() throws {
        try send(type: 14, body: [])
        close()
    }

    /// Closes without a word, as a lost connection does.
    func close() {
        guard descriptor >= 0 else { return }
        Foundation.close(descriptor)
        descriptor = -1
    }

    // MARK: Receiving

    func nextMessage() throws -> Message { try nextMessageWithBytes().message }

    /// With its payload as it came, for what is no text.
    func nextMessageWithBytes() throws -> (message: Message, bytes: [UInt8]) {
        while messages.isEmpty {
            try take(readPacket())
        }
        return messages.removeFirst()
    }

    /// Waits until the broker closes the connection.
    func waitUntilClosed() throws {
        do {
            while true { try take(readPacket()) }
        } catch is Closed {}
    }

    private func packet(of type: UInt8) throws -> Packet {
        while true {
            let packet = try readPacket()
            if packet.type == type { return packet }
            try take(packet)
        }
    }

    /// Keeps a message and acknowledges it; other packets are of no interest.
    private func take(_ packet: Packet) throws {
        guard packet.type == 3 else { return }
        let topicLength = Int(packet.body[0]) << 8 | Int(packet.body[1])
        var rest = packet.body.dropFirst(2 + topicLength)
        let topic = String(decoding: packet.body[2..<2 + topicLength], as: UTF8.self)
        if packet.flags & 0x06 != 0 {
            try send(type: 4, body: Array(rest.prefix(2)))
            rest = rest.dropFirst(2)
        }
        var expiry: UInt32?
        var correlation: String?
        if version == .v5 {
            var properties = rest.dropFirst().prefix(Int(rest.first ?? 0))
            rest = rest.dropFirst(1 + properties.count)
            while let identifier = properties.popFirst() {
                switch identifier {
                case 2:
                    expiry = properties.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
                    properties = properties.dropFirst(4)
                case 9:
                    let length = properties.prefix(2).reduce(0) { $0 << 8 | Int($1) }
                    correlation = String(decoding: properties.dropFirst(2).prefix(length), as: UTF8.self)
                    properties = properties.dropFirst(2 + length)
                default: properties = []  // none that a test sends
                }
            }
        }
        let message = Message(
            topic: topic, payload: String(decoding: rest, as: UTF8.self), expirySeconds: expiry,
            correlationData: correlation)
        messages.append((message, Array(rest)))
    }

    private func readPacket() throws -> Packet {
        let first = try readByte()
        var length = 0
        var shift = 0
        while true {
            let byte = try readByte()
            length |= Int(byte & 0x7F) << shift
            shift += 7
            if byte & 0x80 == 0 { break }
        }
        while received.count < length { try readMore() }
        let body = Array(received.prefix(length))
        received.removeFirst(length)
        return Packet(type: first >> 4, flags: first & 0x0F, body: body)
    }

    private func readByte() throws -> UInt8 {
        while received.isEmpty { try readMore() }
        return received.removeFirst()
    }

    private func readMore() throws {
        var look = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&look, 1, 10_000) > 0 else { throw DeadlineMissed("a packet from the broker") }
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { throw Closed() }
        received += buffer.prefix(count)
    }

    // MARK: Encoding

    func send(type: UInt8, flags: UInt8 = 0, body: [UInt8]) throws {
        var packet = [type << 4 | flags]
        var length = body.count
        repeat {
            let byte = UInt8(length & 0x7F)
            length >>= 7
            packet.append(length > 0 ? byte | 0x80 : byte)
        } while length > 0
        try write(packet + body)
    }

    private func write(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Closed() }
            rest = rest.dropFirst(count)
        }
    }

    private func nextPacketID() -> [UInt8] {
        lastPacketID = lastPacketID == .max ? 1 : lastPacketID + 1
        return [UInt8(lastPacketID >> 8), UInt8(lastPacketID & 0xFF)]
    }

    private func properties(_ bytes: [UInt8] = []) -> [UInt8] {
        version == .v5 ? [UInt8(bytes.count)] + bytes : []
    }

    private func field(_ text: String) -> [UInt8] { field(Array(text.utf8)) }

    private func field(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8(bytes.count >> 8 & 0xFF), UInt8(bytes.count & 0xFF)] + bytes
    }
}

enum Loopback {
    static func address(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    /// A connected socket.
    static func connect(port: UInt16) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = address(port: port)
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Foundation.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else {
            close(descriptor)
            throw MQTTProbe.Closed()
        }
        return descriptor
    }

    /// A port that nobody listened on a moment ago.
    static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = address(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
            }
        }
        guard status == 0 else { throw MQTTProbe.Closed() }
        return UInt16(bigEndian: address.sin_port)
    }
}

import Foundation
import PushGateClient

/// The beginning of an MQTT session over WebSocket (RFC 6455), by hand: as much of it as a test needs.
final class WebSocketProbe {
    struct Refused: Error, CustomStringConvertible {
        let description: String
    }

    private var descriptor: Int32
    private var received: [UInt8] = []

    /// Connects and upgrades.
    init(port: Int) throws {
        guard let connected = Loopback.connect(port) else { throw Refused(description: "nobody listens on \(port)") }
        descriptor = connected
        let upgrade = [
            "GET /mqtt HTTP/1.1", "Host: 127.0.0.1:\(port)", "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: mqtt",
        ]
        try send(Array((upgrade.joined(separator: "\r\n") + "\r\n\r\n").utf8))
        let end = Array("\r\n\r\n".utf8)
        while received.firstRange(of: end) == nil { try readMore() }
        let head = String(decoding: received[..<(received.firstRange(of: end)?.lowerBound ?? 0)], as: UTF8.self)
        guard head.hasPrefix("HTTP/1.1 101") else { throw Refused(description: head) }
        // The accept value belongs to the key above (RFC 6455, 1.3).
        guard head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") else { throw Refused(description: head) }
        received.removeFirst(received.firstRange(of: end)?.upperBound ?? 0)
    }

    deinit { close() }

    /// MQTT 3.1.1 CONNECT; the return code of CONNACK, 255 when the connection was closed without one.
    func connect(_ device: DeviceSession, password: String) throws -> UInt8 {
        func field(_ text: String) -> [UInt8] {
            let bytes = Array(text.utf8)
            return [UInt8(bytes.count >> 8), UInt8(bytes.count & 0xFF)] + bytes
        }
        let body =
            field("MQTT") + [4, 0xC2, 0, 60] + field(device.deviceID) + field(device.account) + field(password)
        var length: [UInt8] = []
        var rest = body.count
        repeat {
            length.append(UInt8(rest & 0x7F) | (rest > 0x7F ? 0x80 : 0))
            rest >>= 7
        } while rest > 0
        try sendFrame([0x10] + length + body)
        do {
            while received.count < 6 { try readMore() }
        } catch is Refused {
            return 255
        }
        // An unmasked binary frame with CONNACK in it.
        guard Array(received[..<4]) == [0x82, 4, 0x20, 2] else { return 255 }
        return received[5]
    }

    /// One masked binary frame; the mask of a client must be there, not be random.
    private func sendFrame(_ payload: [UInt8]) throws {
        let mask: [UInt8] = [1, 2, 3, 4]
        var frame: [UInt8] = [0x82]
        if payload.count < 126 {
            frame.append(0x80 | UInt8(payload.count))
        } else {
            frame += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        }
        try send(frame + mask + payload.enumerated().map { $1 ^ mask[$0 % 4] })
    }

    private func send(_ bytes: [UInt8]) throws {
        let count = bytes.withUnsafeBytes { Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        guard count == bytes.count else { throw Refused(description: "the connection is closed") }
    }

    private func readMore() throws {
        var look = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&look, 1, 10_000) > 0 else { throw Refused(description: "no answer") }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { throw Refused(description: "the connection was closed") }
        received += buffer.prefix(count)
    }

    func close() {
        guard descriptor >= 0 else { return }
        Foundation.close(descriptor)
        descriptor = -1
    }
}

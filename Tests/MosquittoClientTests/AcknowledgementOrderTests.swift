import Foundation
import MosquittoClient
import Synchronization
import TestWaiting
import Testing

@Suite struct AcknowledgementOrderTests {
    // Pins an order of work of libmosquitto that is documented nowhere and that "store, then acknowledge" rests on.
    @Test func `no PUBACK leaves before the batch was handed over`() async throws {
        let (listener, port) = try listeningSocket()
        defer { close(listener) }
        let loop = try MQTTLoop()
        let peer = Mutex<Int32>(-1)
        let bytesAtBatchEnd = Mutex<[Int]>([])
        let messages = Mutex(0)
        var options = MQTTSession.Options(host: "127.0.0.1", port: port, clientID: "one")
        options.protocolVersion = .v311
        _ = try loop.makeSession(options) { _, event in
            switch event {
            case .message: messages.withLock { $0 += 1 }
            case .readBatchEnded:
                var buffer = [UInt8](repeating: 0, count: 100)
                let count = recv(peer.withLock { $0 }, &buffer, 100, Int32(MSG_PEEK | MSG_DONTWAIT))
                bytesAtBatchEnd.withLock { $0.append(max(count, 0)) }
            default: break
            }
        }
        let accepted = accept(listener, nil, nil)
        peer.withLock { $0 = accepted }
        defer { close(accepted) }
        var buffer = [UInt8](repeating: 0, count: 100)
        #expect(recv(accepted, &buffer, 100, 0) > 0)  // CONNECT
        // CONNACK and three PUBLISH of QoS 1 (MQTT 3.1.1, 3.2 and 3.3) to topic "t", packet ids 1, 2, 3, in one write.
        let packets: [UInt8] =
            [0x20, 2, 0, 0] + (1...3).flatMap { [0x32, 6, 0, 1, 0x74, 0, UInt8($0), 0xFF] as [UInt8] }
        #expect(send(accepted, packets, packets.count, 0) == packets.count)
        try await eventually("the messages are handed over") { messages.withLock { $0 } == 3 }
        #expect(bytesAtBatchEnd.withLock { $0 } == [0])
        var acknowledgements: [UInt8] = []
        while acknowledgements.count < 12 {
            let count = recv(accepted, &buffer, 100, 0)
            guard count > 0 else { break }
            acknowledgements += buffer.prefix(count)
        }
        #expect(acknowledgements == [0x40, 2, 0, 1, 0x40, 2, 0, 2, 0x40, 2, 0, 3])
        await loop.shutdown(drain: .zero)
    }
}

import Glibc

/// Listens on the broker's port and answers every CONNECT with a refusal. Nothing of it is asynchronous: whoever owns
/// it asks it to serve.
final class RefusingBroker {
    private let descriptor: Int32

    /// - Returns: nil while the port is taken.
    init?(port: Int) {
        descriptor = socket(
            AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        var address = LoopbackAddress.of(port: port)
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isBound, listen(descriptor, 128) == 0 else {
            Glibc.close(descriptor)
            return nil
        }
    }

    /// MQTT 5: reason 0x88, server unavailable. MQTT 3.1.1: return code 3, the same.
    func refuseThoseWaiting() {
        while true {
            let client = accept(descriptor, nil, nil)
            guard client >= 0 else { return }
            defer { Glibc.close(client) }
            var pause = timeval(tv_sec: 0, tv_usec: 100_000)
            setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &pause, socklen_t(MemoryLayout<timeval>.size))
            var bytes = [UInt8](repeating: 0, count: 2048)
            let count = recv(client, &bytes, bytes.count, 0)
            guard count > 12, let name = bytes.prefix(count).firstIndex(of: UInt8(ascii: "M")), name + 4 < count else {
                continue
            }
            let answer: [UInt8] = bytes[name + 4] >= 5 ? [0x20, 3, 0, 0x88, 0] : [0x20, 2, 0, 3]
            send(client, answer, answer.count, Int32(MSG_NOSIGNAL))
        }
    }

    func close() { Glibc.close(descriptor) }
}

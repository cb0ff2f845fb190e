import Glibc
import PushMQTT

/// The broker: the program, or the external one's port.
enum BrokerCheck {
    static func findings(_ settings: ServeSettings, isServing: Bool) -> [Finding] {
        switch settings.broker {
        case .managed:
            do {
                let path = try BrokerExecutable.find()
                guard isServing else { return [Finding("broker", .ok, "Mosquitto is at \(path)")] }
                return [reached(settings.mqtt, what: "Mosquitto (\(path))")]
            } catch {
                return [Finding("broker", .wrong, error.description, remedy: "apt-get install mosquitto")]
            }
        case .external(let connection):
            return [reached(HostPort(host: connection.host, port: Int(connection.port)), what: "the external broker")]
        }
    }

    private static func reached(_ address: HostPort, what: String) -> Finding {
        let everywhere = ["0.0.0.0": "127.0.0.1", "::": "::1"]
        let place = HostPort(host: everywhere[address.host] ?? address.host, port: address.port)
        guard TCPProbe.accepts(place) else {
            return Finding(
                "broker", .wrong, "\(what) does not listen on \(address)",
                remedy: "See the gateway's log for why the broker does not run.")
        }
        return Finding("broker", .ok, "\(what) listens on \(address)")
    }
}

/// Whether somebody accepts connections at an address.
enum TCPProbe {
    private static let seconds = 3

    static func accepts(_ address: HostPort) -> Bool {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(address.host, String(address.port), &hints, &list) == 0 else { return false }
        defer { freeaddrinfo(list) }
        var next = list
        while let info = next?.pointee {
            if connects(info) { return true }
            next = info.ai_next
        }
        return false
    }

    private static func connects(_ info: addrinfo) -> Bool {
        let descriptor = socket(info.ai_family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        // On Linux it bounds connect, too.
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        return connect(descriptor, info.ai_addr, info.ai_addrlen) == 0
    }
}

import Foundation

/// An address in its one canonical text form.
struct SocketAddress: Sendable, Hashable, CustomStringConvertible {
    let host: String
    let port: UInt16

    var isIPv6: Bool { host.contains(":") }
    var isLoopback: Bool { host.hasPrefix("127.") || host == "::1" }
    var isWildcard: Bool { host == "0.0.0.0" || host == "::" }
    var description: String { isIPv6 ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// - Throws: ``BrokerFault/invalidAddress(_:)`` for anything but an address in text form.
    init(host: String, port: UInt16) throws(BrokerFault) {
        var four = in_addr()
        var six = in6_addr()
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let text: UnsafePointer<CChar>?
        if port != 0, inet_pton(AF_INET, host, &four) == 1 {
            text = inet_ntop(AF_INET, &four, &buffer, socklen_t(buffer.count))
        } else if port != 0, inet_pton(AF_INET6, host, &six) == 1 {
            text = inet_ntop(AF_INET6, &six, &buffer, socklen_t(buffer.count))
        } else {
            throw .invalidAddress("\(host):\(port)")
        }
        guard let text else { throw .invalidAddress("\(host):\(port)") }
        self.host = String(cString: text)
        self.port = port
    }

    /// Runs `body` with the address as the system calls want it.
    func withSocketAddress<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        if isIPv6 {
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            inet_pton(AF_INET6, host, &address.sin6_addr)
            return withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<sockaddr_in6>.size))
                }
            }
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        inet_pton(AF_INET, host, &address.sin_addr)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    private func openSocket() -> Int32 {
        socket(isIPv6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    }

    /// Binds the way Mosquitto does and lets go again.
    /// - Returns: 0 or an `errno`.
    func tryToBind() -> Int32 {
        let descriptor = openSocket()
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        if isIPv6 {
            setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &on, socklen_t(MemoryLayout<Int32>.size))
        }
        return withSocketAddress { bind(descriptor, $0, $1) == 0 && listen(descriptor, 1) == 0 } ? 0 : errno
    }

    /// Whether somebody accepts there.
    func accepts() -> Bool {
        let descriptor = openSocket()
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return withSocketAddress { connect(descriptor, $0, $1) == 0 }
    }

    /// A port of 127.0.0.1 that was free a moment ago.
    static func freeLoopbackPort() -> UInt16? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        inet_pton(AF_INET, "127.0.0.1", &address.sin_addr)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        return isBound ? UInt16(bigEndian: address.sin_port) : nil
    }
}

/// Where the broker listens, worked out from the settings once, so that a restart uses the same ports.
struct BrokerAddresses: Sendable {
    let mqtt: [SocketAddress]
    let webSocket: SocketAddress?
    /// The plain listener the gateway itself uses: a public one if it is plain and on loopback, otherwise one of its
    /// own on 127.0.0.1 and a free port, so that the gateway needs neither certificates nor routing.
    let gateway: SocketAddress

    var needsOwnGatewayListener: Bool { !mqtt.contains(gateway) }
    var all: [SocketAddress] { mqtt + (needsOwnGatewayListener ? [gateway] : []) + (webSocket.map { [$0] } ?? []) }

    init(settings: BrokerSettings) throws(BrokerFault) {
        var mqtt: [SocketAddress] = []
        for listener in settings.listeners {
            for host in Self.hosts(listener.host, port: listener.port) {
                let address = try SocketAddress(host: host, port: listener.port)
                if !mqtt.contains(address) { mqtt.append(address) }
            }
        }
        guard !mqtt.isEmpty else { throw .invalidAddress("no MQTT listener") }
        self.mqtt = mqtt
        if let listener = settings.webSocketListener {
            let host = listener.host == "localhost" ? "127.0.0.1" : listener.host
            let address = try SocketAddress(host: host, port: listener.port)
            guard !address.isIPv6 else { throw .invalidAddress("\(listener) (WebSocket needs an IPv4 address)") }
            webSocket = address
        } else {
            webSocket = nil
        }
        if settings.tls == nil, let usable = mqtt.first(where: \.isLoopback) {
            gateway = usable
        } else if let port = SocketAddress.freeLoopbackPort() {
            gateway = try SocketAddress(host: "127.0.0.1", port: port)
        } else {
            throw .addressUnusable("127.0.0.1", reason: "no free port")
        }
    }

    private static func hosts(_ host: String, port: UInt16) -> [String] {
        guard host == "localhost" else { return [host] }
        // A listener on ::1 would keep Mosquitto from starting on a machine without IPv6.
        let hasIPv6 = (try? SocketAddress(host: "::1", port: port))?.tryToBind() != EADDRNOTAVAIL && ipv6IsThere
        return hasIPv6 ? ["127.0.0.1", "::1"] : ["127.0.0.1"]
    }

    private static var ipv6IsThere: Bool {
        let descriptor = socket(AF_INET6, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        if descriptor >= 0 { close(descriptor) }
        return descriptor >= 0
    }

    /// - Throws: the first address that cannot be bound.
    func checkThatAllAreFree() throws(BrokerFault) {
        for address in all {
            switch address.tryToBind() {
            case 0: break
            case EADDRINUSE: throw .addressInUse("\(address)")
            case let code: throw .addressUnusable("\(address)", reason: String(cString: strerror(code)))
            }
        }
    }
}

enum NetworkInterface {
    /// The name of the interface that carries an IPv4 address.
    static func name(carrying address: SocketAddress) -> String? {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return nil }
        defer { freeifaddrs(list) }
        var wanted = in_addr()
        inet_pton(AF_INET, address.host, &wanted)
        var next = list
        while let entry = next?.pointee {
            next = entry.ifa_next
            guard let socketAddress = entry.ifa_addr, socketAddress.pointee.sa_family == sa_family_t(AF_INET) else {
                continue
            }
            let found = socketAddress.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                $0.pointee.sin_addr.s_addr
            }
            if found == wanted.s_addr { return String(cString: entry.ifa_name) }
        }
        return nil
    }
}

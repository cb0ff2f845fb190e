import Glibc

/// Whether a server could listen somewhere, found out by listening for a moment.
enum ListeningPort {
    enum State: Equatable {
        case free
        case taken
        case unusable(String)
    }

    static func state(of address: HostPort) -> State {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(address.host, String(address.port), &hints, &list)
        guard code == 0, let info = list else { return .unusable(String(cString: gai_strerror(code))) }
        defer { freeaddrinfo(list) }
        let descriptor = socket(
            info.pointee.ai_family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return .unusable(String(cString: strerror(errno))) }
        defer { close(descriptor) }
        // As servers do: connections of one that has just ended are no hindrance.
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        guard bind(descriptor, info.pointee.ai_addr, info.pointee.ai_addrlen) == 0, listen(descriptor, 1) == 0 else {
            return errno == EADDRINUSE ? .taken : .unusable(String(cString: strerror(errno)))
        }
        return .free
    }

    /// The address itself, or with the next port that is free and not among `others`.
    static func nextFree(_ address: HostPort, except others: [HostPort] = [], tries: Int = 200) -> HostPort? {
        guard address.port + 1 <= 65_535 else { return state(of: address) == .free ? address : nil }
        for port in address.port...min(address.port + tries, 65_535) {
            let candidate = HostPort(host: address.host, port: port)
            if !others.contains(where: { $0.port == port }), state(of: candidate) == .free { return candidate }
        }
        return nil
    }
}

import Dispatch
import Glibc

/// Looks up names away from the loop's thread, one after the other.
struct AddressResolver: Sendable {
    private let queue = DispatchQueue(label: "pushgate.mqtt.resolver")

    /// An IPv4 or IPv6 address in text form: no look-up needed.
    static func isAddress(_ host: String) -> Bool {
        var bytes = in6_addr()
        return inet_pton(AF_INET, host, &bytes) == 1 || inet_pton(AF_INET6, host, &bytes) == 1
    }

    func perform(_ work: @escaping @Sendable () -> Void) { queue.async(execute: work) }

    /// Blocks. IPv4 and IPv6 addresses in the order of the system's policy (RFC 6724).
    static func addresses(of host: String) -> Result<[String], MQTTFailure> {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, nil, &hints, &list)
        guard code == 0 else {
            return .failure(MQTTFailure(.nameNotFound, gai_strerror(code).map { String(cString: $0) } ?? ""))
        }
        defer { freeaddrinfo(list) }
        var found: [String] = []
        var next = list
        while let entry = next?.pointee {
            var name = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let code = getnameinfo(
                entry.ai_addr, entry.ai_addrlen, &name, socklen_t(name.count), nil, 0, NI_NUMERICHOST)
            if code == 0 {
                let text = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                if !found.contains(text) { found.append(text) }
            }
            next = entry.ai_next
        }
        return found.isEmpty ? .failure(MQTTFailure(.nameNotFound, "no address")) : .success(found)
    }
}

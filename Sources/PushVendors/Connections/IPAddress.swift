import NIOCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// An IPv4 or IPv6 address as its bytes, in network order.
package struct IPAddress: Sendable, Hashable, CustomStringConvertible {
    /// Four bytes for IPv4, sixteen for IPv6.
    package let bytes: [UInt8]

    package var isIPv4: Bool { bytes.count == 4 }

    package init(v4 bytes: [UInt8]) { self.bytes = Array(bytes.prefix(4)) }

    package init?(_ address: SocketAddress) {
        switch address {
        case .v4(let v4): bytes = withUnsafeBytes(of: v4.address.sin_addr) { Array($0) }
        case .v6(let v6): bytes = withUnsafeBytes(of: v6.address.sin6_addr) { Array($0) }
        case .unixDomainSocket: return nil
        }
    }

    /// The usual text form only (`127.0.0.1`, `::1`).
    package init?(_ text: String) {
        guard let address = try? SocketAddress(ipAddress: text, port: 0) else { return nil }
        self.init(address)
    }

    package var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = isIPv4 ? AF_INET : AF_INET6
        guard inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil else { return "" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Whether the address belongs to somebody on the public Internet: not loopback, private, shared (CGNAT),
    /// link-local, unique local, unspecified, multicast, documentation, benchmarking or reserved (IANA special-purpose
    /// registries, RFC 6890), nor one of these inside an IPv4-mapped, NAT64 or 6to4 address.
    package var isPublic: Bool { isIPv4 ? Self.isPublic(v4: bytes) : Self.isPublic(v6: bytes) }

    private static func isPublic(v4: [UInt8]) -> Bool {
        switch (v4[0], v4[1], v4[2]) {
        case (0, _, _), (10, _, _), (127, _, _): false  // this network, private, loopback
        case (100, 64...127, _): false  // shared address space, RFC 6598
        case (169, 254, _): false  // link-local; cloud metadata services
        case (172, 16...31, _), (192, 168, _): false  // private
        case (192, 0, 0), (192, 0, 2), (192, 88, 99): false  // protocol assignments, documentation, 6to4 relay
        case (198, 18...19, _), (198, 51, 100), (203, 0, 113): false  // benchmarking, documentation
        case (224..., _, _): false  // multicast, reserved, broadcast
        default: true
        }
    }

    private static func isPublic(v6: [UInt8]) -> Bool {
        func starts(_ prefix: UInt8...) -> Bool { v6.starts(with: prefix) }
        let last = Array(v6[12...])
        if starts(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF) { return isPublic(v4: last) }  // IPv4-mapped
        if starts(0x00, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0) { return isPublic(v4: last) }  // NAT64
        if starts(0x20, 0x02) { return isPublic(v4: Array(v6[2..<6])) }  // 6to4
        if starts(0x20, 0x01, 0x0D, 0xB8) || starts(0x3F, 0xFF) { return false }  // documentation
        if starts(0x20, 0x01), v6[2] < 2 { return false }  // Teredo, ORCHID and other protocol assignments
        return v6[0] & 0xE0 == 0x20  // global unicast is 2000::/3; everything else is special
    }
}

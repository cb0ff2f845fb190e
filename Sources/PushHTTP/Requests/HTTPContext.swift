import Hummingbird
import Logging
import NIOCore

/// What is known of a request besides the request itself.
public struct HTTPContext: InitializableFromSource {
    let remoteAddress: RemoteAddress
    let logger: Logger

    public init(source: ApplicationRequestContextSource) {
        remoteAddress = RemoteAddress(source.channel.remoteAddress)
        logger = source.logger
        // A log handler that keeps no metadata has none.
        requestID = source.logger[metadataKey: "hb.request.id"].map { "\($0)" } ?? RequestID().description
    }

    /// In the answer as `X-Request-Id` and `requestId`, in every log line of the request as `hb.request.id`.
    let requestID: String
}

/// A peer as attempts are counted by: an IPv4 address, or a /64 network of IPv6, which is what one subscriber has.
enum RemoteAddress: Hashable, Sendable {
    case v4(UInt32)
    case v6(network: UInt64)
    case unknown

    init(_ address: SocketAddress?) {
        switch address {
        case .v4(let address): self = .v4(UInt32(bigEndian: address.address.sin_addr.s_addr))
        case .v6(let address):
            let bytes = withUnsafeBytes(of: address.address.sin6_addr) { Array($0) }
            // ::ffff:a.b.c.d is an IPv4 peer at a socket for both families.
            if bytes.prefix(10).allSatisfy({ $0 == 0 }), bytes[10] == 0xFF, bytes[11] == 0xFF {
                self = .v4(bytes.suffix(4).reduce(0) { $0 << 8 | UInt32($1) })
            } else {
                self = .v6(network: bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
            }
        case .unixDomainSocket, nil: self = .unknown
        }
    }
}

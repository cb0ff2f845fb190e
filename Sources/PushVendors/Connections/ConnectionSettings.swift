import AsyncHTTPClient
import Logging
import NIOCore
import NIOSSL
import PushCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What all outgoing connections of the gateway have in common.
package struct ConnectionSettings: Sendable {
    package let eventLoopGroup: any EventLoopGroup
    package let policy: EndpointPolicy
    package let logger: Logger
    /// Certificates that are trusted beside the system's.
    let additionalRoots: [NIOSSLCertificate]

    /// Seconds to connect and answer (contract, to 7).
    package var requestTimeout: TimeAmount = .seconds(10)
    /// Longest answer that is read of a tenant's or a device's URL, in bytes, unless the request says that it expects
    /// more.
    package static let replyBytesMax = 65_536
    /// Longest answer of all, and of the vendors' own hosts, in bytes.
    package static let batchReplyBytesMax = 1_048_576
    /// How long a checked address may be used before the name is looked up again.
    package var pinnedFor: TimeAmount = .seconds(300)

    /// Throws ``GatewayError`` when the file with certificates cannot be used.
    package init(
        eventLoopGroup: any EventLoopGroup = HTTPClient.defaultEventLoopGroup, policy: EndpointPolicy,
        caFile: String? = nil, logger: Logger
    ) throws(GatewayError) {
        self.eventLoopGroup = eventLoopGroup
        self.policy = policy
        self.logger = logger
        guard let caFile else {
            additionalRoots = []
            return
        }
        do {
            additionalRoots = try NIOSSLCertificate.fromPEMFile(caFile)
        } catch {
            throw GatewayError(.invalidRequest, "The file with additional certificates cannot be read: \(caFile)")
        }
    }

    /// For services that speak HTTP/1.1 alone, whatever their front end offers.
    package var isHTTP1Only = false

    /// A client for one credential and one origin.
    func makeClient(connectionsMax: Int, pinning pin: (host: String, address: IPAddress)?) -> HTTPClient {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        if !additionalRoots.isEmpty { tls.additionalTrustRoots = [.certificates(additionalRoots)] }
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls, redirectConfiguration: .disallow)
        // A little less than the whole, so that a connection that is not made is told from an answer that is missing.
        configuration.timeout = .init(connect: requestTimeout - .milliseconds(500), read: requestTimeout)
        configuration.connectionPool = .init(
            idleTimeout: .seconds(60), concurrentHTTP1ConnectionsPerHostSoftLimit: connectionsMax)
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.decompression = .disabled
        if isHTTP1Only { configuration.httpVersion = .http1Only }
        if let pin { configuration.dnsOverride = [pin.host: pin.address.description] }
        configuration.http1_1ConnectionDebugInitializer = Self.limitSilence
        configuration.http2ConnectionDebugInitializer = { channel in
            Self.limitSilence(channel).flatMap { FlushGathering.add(to: channel) }
        }
        return HTTPClient(eventLoopGroupProvider: .shared(eventLoopGroup), configuration: configuration)
    }

    /// There is no HTTP/2 PING here: the kernel gives a connection up whose bytes nobody confirms for 15 s
    /// (TCP_USER_TIMEOUT, RFC 5482), instead of after a quarter of an hour.
    private static let limitSilence: @Sendable (any Channel) -> EventLoopFuture<Void> = { channel in
        #if os(Linux)
            channel.setOption(.tcpOption(.init(rawValue: CInt(TCP_USER_TIMEOUT))), value: 15_000)
                .flatMapError { _ in channel.eventLoop.makeSucceededVoidFuture() }
        #else
            channel.eventLoop.makeSucceededVoidFuture()
        #endif
    }
}

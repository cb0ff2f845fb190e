import NIOCore
import PushCore

/// The connections of a vendor that sends to one host and gives access tokens at another, by the client credentials
/// grant. With a tenant's `endpoint` both are that.
struct ClientCredentialsLine: Sendable {
    /// Of the host that takes pushes.
    let base: String
    let requests: AuthorizedRequests
    private let loginClient: OutboundClient

    /// - Parameters:
    ///   - host: where pushes are sent; `loginHost`, with `loginPath`: where access tokens come from.
    init(
        host: String, loginHost: String, loginPath: String, clientID: String, clientSecret: String,
        endpoint: EndpointURL?, connectionsMax: Int, surroundings: SenderSurroundings
    ) {
        let (connections, clock) = (surroundings.connections, surroundings.clock)
        let trust: OutboundClient.Trust = endpoint == nil ? .vendor : .tenant
        let origin = endpoint ?? EndpointURL(knownHost: host)
        let loginOrigin = endpoint ?? EndpointURL(knownHost: loginHost)
        base = origin.base
        loginClient = OutboundClient(origin: loginOrigin, trust: trust, connectionsMax: 2, settings: connections)
        let login = ClientCredentialsLogin(
            url: loginOrigin.base + loginPath, clientID: clientID, clientSecret: clientSecret, clock: clock,
            client: loginClient, requestTimeout: connections.requestTimeout)
        requests = AuthorizedRequests(
            client: OutboundClient(
                origin: origin, trust: trust, connectionsMax: connectionsMax, settings: connections),
            accessToken: AccessTokenCache(clock: clock) { await login.fetch() },
            requestTimeout: connections.requestTimeout)
    }

    func shutdown() async {
        await requests.client.shutdown()
        await loginClient.shutdown()
    }
}

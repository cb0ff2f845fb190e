import NIOCore
import NIOHTTP1
import PushCore

/// Sends to the Windows notification service. The token is the channel's URI, where the push is posted.
final class WNSSender: SinglePushSender {
    let vendor = Vendor.wns
    let concurrentMax = 32
    let canSendSilently = true
    var budget: PushBudget { settings.common.budget }

    private let settings: WNSSettings
    private let clock: WallClock
    private let requestTimeout: TimeAmount
    private let urls: TokenURL
    private let clients: OriginClients
    private let loginClient: OutboundClient
    private let accessToken: AccessTokenCache

    init(settings: WNSSettings, surroundings: SenderSurroundings) {
        self.settings = settings
        clock = surroundings.clock
        requestTimeout = surroundings.connections.requestTimeout
        urls = TokenURL(policy: surroundings.connections.policy, endpoint: settings.common.endpoint)
        var connections = surroundings.connections
        connections.isHTTP1Only = true
        clients = OriginClients(connectionsMax: concurrentMax, settings: connections)
        loginClient = OutboundClient(
            origin: settings.loginOrigin, trust: settings.common.endpoint == nil ? .vendor : .tenant,
            connectionsMax: 2, settings: surroundings.connections)
        let login = ClientCredentialsLogin(
            url: settings.loginURL, clientID: settings.clientID, clientSecret: settings.clientSecret,
            scope: settings.loginScope, clock: clock, client: loginClient, requestTimeout: requestTimeout,
            lifetimeDefault: 86_400)
        accessToken = AccessTokenCache(clock: clock) { await login.fetch() }
    }

    /// A raw notification shows nothing, so the app drops its repeat by `messageId`. What a toast's tag does on a
    /// desktop is not documented.
    func repeatReplaces(_ push: VendorPush) -> Bool { push.isSilent || settings.tagReplaces }

    func send(_ push: VendorPush) async -> VendorAnswer {
        let target: EndpointURL
        do {
            target = try await readToken(push.token)
        } catch {
            return error.answer
        }
        guard let client = clients.client(for: target) else {
            return .retry(VendorReply(code: "shut_down", isLocal: true))
        }
        let request = WNSRequest(settings.common.completing(push))
        let requests = AuthorizedRequests(client: client, accessToken: accessToken, requestTimeout: requestTimeout)
        let outcome = await requests.send(isRefused: WNSReply.isExpiredAccessToken) { access in
            var headers = request.headers
            headers.add(name: "authorization", value: "Bearer " + access.text)
            return OutboundRequest(url: target.text, headers: headers, body: request.body)
        }
        switch outcome {
        case .reply(let reply): return WNSReply.answer(to: reply, token: push.token, now: clock.now)
        case .answered(let answer): return answer
        }
    }

    /// WNS has no dry run: the login shows whether the credential is good.
    func check(_ push: VendorPush) async -> VendorAnswer {
        switch await accessToken.current() {
        case .success: .sent(vendorID: nil)
        case .failure(let failure): failure.answer
        }
    }

    func shutdown() async {
        await clients.shutdown()
        await loginClient.shutdown()
    }

    private static let domain = "notify.windows.com"

    /// The access token goes with every push, so the URL must be Microsoft's.
    private func readToken(_ token: PushToken) async throws(TokenURL.Refusal) -> EndpointURL {
        guard let url = try? EndpointURL(token.token) else { throw TokenURL.Refusal("The token is no channel URI") }
        let isMicrosofts = url.host == Self.domain || url.host.hasSuffix("." + Self.domain)
        return try await urls.target(of: url, fault: isMicrosofts ? nil : "must lead to \(Self.domain)")
    }
}

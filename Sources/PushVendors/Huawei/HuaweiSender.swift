import NIOCore
import NIOHTTP1
import PushCore

/// Sends to Huawei Push Kit: one notification for up to 1000 tokens a request.
final class HuaweiSender: VendorSender {
    let vendor = Vendor.huawei
    let concurrentMax = 32
    let canSendSilently = true
    let checkReachesPushCall = true
    var budget: PushBudget { settings.common.budget }
    let batchForm = BatchForm.sameContent(max: HuaweiRequest.tokensMax)

    private let settings: HuaweiSettings
    private let clock: WallClock
    private let url: String
    private let client: OutboundClient
    private let loginClient: OutboundClient
    private let requests: AuthorizedRequests
    private let unknownReplies: UnknownReplyLog

    init(settings: HuaweiSettings, surroundings: SenderSurroundings) {
        self.settings = settings
        clock = surroundings.clock
        let connections = surroundings.connections
        let trust: OutboundClient.Trust = settings.common.endpoint == nil ? .vendor : .tenant
        let origin = settings.common.endpoint ?? EndpointURL(knownHost: "push-api.cloud.huawei.com")
        let loginOrigin = settings.common.endpoint ?? EndpointURL(knownHost: "oauth-login.cloud.huawei.com")
        url = origin.base + settings.path
        client = OutboundClient(origin: origin, trust: trust, connectionsMax: concurrentMax, settings: connections)
        loginClient = OutboundClient(origin: loginOrigin, trust: trust, connectionsMax: 2, settings: connections)
        let login = ClientCredentialsLogin(
            url: loginOrigin.base + "/oauth2/v3/token", clientID: settings.clientID,
            clientSecret: settings.clientSecret, clock: clock, client: loginClient,
            requestTimeout: connections.requestTimeout)
        requests = AuthorizedRequests(
            client: client, accessToken: AccessTokenCache(clock: clock) { await login.fetch() },
            requestTimeout: connections.requestTimeout)
        unknownReplies = UnknownReplyLog(.huawei, surroundings)
    }

    func send(_ batch: [VendorPush]) async -> [VendorAnswer] { await send(batch, isDryRun: false) }

    /// A dry run of this very push: Huawei checks credential, request and token.
    func check(_ push: VendorPush) async -> VendorAnswer {
        await send([push], isDryRun: true).first ?? .retry(VendorReply(code: "no_answer", isLocal: true))
    }

    func shutdown() async {
        await client.shutdown()
        await loginClient.shutdown()
    }

    private func send(_ batch: [VendorPush], isDryRun: Bool) async -> [VendorAnswer] {
        guard let first = batch.first else { return [] }
        let tokens = batch.map(\.token)
        let request = HuaweiRequest(
            settings.completing(first), tokens: tokens.map(\.token), settings: settings, isDryRun: isDryRun)
        let outcome = await requests.send(isRefused: HuaweiReply.isRefusedLogin) { [url] access in
            OutboundRequest(
                url: url,
                headers: [
                    "content-type": "application/json;charset=UTF-8", "authorization": "Bearer " + access.text,
                ],
                body: request.body,
                replyBytesMax: OutboundRequest.replyBytesMax(naming: tokens.map(\.token)))
        }
        switch outcome {
        case .answered(let answer): return Array(repeating: answer, count: batch.count)
        case .reply(let raw):
            let reply = HuaweiReply(raw)
            if !reply.isKnown {
                unknownReplies.note(
                    code: reply.code ?? "\(raw.status)", reply: raw,
                    hiding: tokens.map(\.token) + [settings.clientSecret])
            }
            return reply.answers(for: tokens, now: clock.now)
        }
    }
}

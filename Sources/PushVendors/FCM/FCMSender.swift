import NIOCore
import NIOHTTP1
import PushCore

/// Sends to FCM HTTP v1 with a service account's access token.
final class FCMSender: SinglePushSender {
    let vendor = Vendor.fcm
    let concurrentMax = 100
    let canSendSilently = true
    let checkReachesPushCall = true
    var budget: PushBudget { settings.common.budget }

    private let settings: FCMSettings
    private let clock: WallClock
    private let url: String
    private let client: OutboundClient
    private let loginClient: OutboundClient
    private let requests: AuthorizedRequests

    init(settings: FCMSettings, surroundings: SenderSurroundings) {
        self.settings = settings
        clock = surroundings.clock
        let requestTimeout = surroundings.connections.requestTimeout
        let origin = settings.common.endpoint ?? EndpointURL(knownHost: "fcm.googleapis.com")
        url = origin.base + "/v1/projects/\(settings.projectID)/messages:send"
        client = OutboundClient(
            origin: origin, trust: settings.common.endpoint == nil ? .vendor : .tenant, connectionsMax: concurrentMax,
            settings: surroundings.connections)
        loginClient = OutboundClient(
            origin: settings.tokenURL, trust: settings.tokenTrust, connectionsMax: 2,
            settings: surroundings.connections)
        let login = FCMLogin(settings: settings, clock: clock, client: loginClient, requestTimeout: requestTimeout)
        requests = AuthorizedRequests(
            client: client, accessToken: AccessTokenCache(clock: clock) { await login.fetch() },
            requestTimeout: requestTimeout)
    }

    func send(_ push: VendorPush) async -> VendorAnswer {
        await send(FCMRequest(settings.common.completing(push), now: clock.now), for: push.token)
    }

    /// A dry run of this very push: FCM checks credential, request and token. A `.dead` answer therefore speaks of the
    /// token and means that the credential is good.
    func check(_ push: VendorPush) async -> VendorAnswer {
        await send(FCMRequest(settings.common.completing(push), isDryRun: true, now: clock.now), for: push.token)
    }

    func shutdown() async {
        await client.shutdown()
        await loginClient.shutdown()
    }

    private func send(_ request: FCMRequest, for token: PushToken) async -> VendorAnswer {
        let outcome = await requests.send(isRefused: FCMReply.isExpiredAccessToken) { [url] access in
            OutboundRequest(
                url: url,
                headers: ["content-type": "application/json", "authorization": "Bearer " + access.text],
                body: request.body)
        }
        switch outcome {
        case .reply(let reply): return FCMReply.answer(to: reply, token: token, now: clock.now)
        case .answered(let answer): return answer
        }
    }
}

import NIOCore
import NIOHTTP1
import PushCore

/// Sends to FCM HTTP v1 with a service account's access token.
final class FCMSender: VendorSender {
    let vendor = Vendor.fcm
    let concurrentMax = 100
    let canSendSilently = true

    private let settings: FCMSettings
    private let clock: WallClock
    private let requestTimeout: TimeAmount
    private let url: String
    private let client: OutboundClient
    private let loginClient: OutboundClient
    private let accessToken: AccessTokenCache

    init(settings: FCMSettings, surroundings: SenderSurroundings) {
        self.settings = settings
        clock = surroundings.clock
        requestTimeout = surroundings.connections.requestTimeout
        let origin = settings.common.endpoint ?? EndpointURL(knownHost: "fcm.googleapis.com")
        url = origin.base + "/v1/projects/\(settings.projectID)/messages:send"
        client = OutboundClient(
            origin: origin, trust: settings.common.endpoint == nil ? .vendor : .tenant, connectionsMax: concurrentMax,
            settings: surroundings.connections)
        loginClient = OutboundClient(
            origin: settings.tokenURL, trust: settings.tokenTrust, connectionsMax: 2,
            settings: surroundings.connections)
        let login = FCMLogin(settings: settings, clock: clock, client: loginClient, requestTimeout: requestTimeout)
        accessToken = AccessTokenCache(clock: clock) { await login.fetch() }
    }

    func send(_ push: VendorPush) async -> VendorAnswer {
        await send(FCMRequest(settings.common.completing(push)), for: push.token)
    }

    /// A dry run of this very push: FCM checks credential, request and token. A `.dead` answer therefore speaks of the
    /// token and means that the credential is good.
    func check(_ push: VendorPush) async -> VendorAnswer {
        await send(FCMRequest(settings.common.completing(push), isDryRun: true), for: push.token)
    }

    func shutdown() async {
        await client.shutdown()
        await loginClient.shutdown()
    }

    private func send(_ request: FCMRequest, for token: PushToken) async -> VendorAnswer {
        let deadline = NIODeadline.now() + requestTimeout
        var answer = VendorAnswer.retry(VendorReply(code: "no_access_token"))
        for isRepeat in [false, true] {
            let access: AccessToken
            switch await accessToken.current() {
            case .success(let current): access = current
            case .failure(let failure): return failure.answer
            }
            guard NIODeadline.now() < deadline else { return .retry(VendorReply(code: "login_slow")) }
            let headers: HTTPHeaders = [
                "content-type": "application/json", "authorization": "Bearer " + access.text,
            ]
            let outgoing = OutboundRequest(url: url, headers: headers, body: request.body)
            switch await client.send(outgoing, deadline: deadline) {
            case .failure(let fault): return fault.answer
            case .success(let reply):
                answer = FCMReply.answer(to: reply, token: token, now: clock.now)
                guard FCMReply.isExpiredAccessToken(reply) else { return answer }
                await accessToken.invalidate(access)
                if isRepeat { return answer }
            }
        }
        return answer
    }
}

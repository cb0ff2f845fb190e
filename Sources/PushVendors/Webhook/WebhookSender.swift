import NIOCore
import PushCore

/// Posts pushes to a tenant's own receiver.
final class WebhookSender: SinglePushSender {
    let vendor = Vendor.webhook
    /// A tenant's server is smaller than a push service.
    let concurrentMax = 16
    let canSendSilently = true
    var budget: PushBudget { settings.common.budget }

    private let settings: WebhookSettings
    private let clock: WallClock
    private let requestTimeout: TimeAmount
    private let url: EndpointURL
    private let client: OutboundClient

    init(settings: WebhookSettings, surroundings: SenderSurroundings) {
        self.settings = settings
        clock = surroundings.clock
        requestTimeout = surroundings.connections.requestTimeout
        url = settings.target
        client = OutboundClient(
            origin: url, trust: .tenant, connectionsMax: concurrentMax, settings: surroundings.connections)
    }

    func send(_ push: VendorPush) async -> VendorAnswer {
        let push = settings.common.completing(push)
        return await post(WebhookRequest(push, secret: settings.secret, now: clock.now), for: push.token)
    }

    /// An event of type `push.check`, which a receiver leaves alone.
    func check(_ push: VendorPush) async -> VendorAnswer {
        await post(WebhookRequest(probe: push, secret: settings.secret, now: clock.now), for: push.token)
    }

    func shutdown() async { await client.shutdown() }

    private func post(_ request: WebhookRequest, for token: PushToken) async -> VendorAnswer {
        let outgoing = OutboundRequest(url: url.text, headers: request.headers, body: request.body)
        switch await client.send(outgoing, deadline: .now() + requestTimeout) {
        case .success(let reply): return WebhookReply.answer(to: reply, token: token, now: clock.now)
        case .failure(let fault): return fault.answer
        }
    }
}

import Crypto
import NIOCore
import PushCore

/// Sends Web Push to whatever push service a subscription names: a browser maker's, or a person's own distributor of
/// UnifiedPush, which speaks the same.
final class WebPushSender: SinglePushSender {
    let vendor = Vendor.webpush
    let concurrentMax = 64
    /// Browsers expect every push to show something.
    let canSendSilently = false
    var budget: PushBudget { settings.common.budget }

    private let settings: WebPushSettings
    private let clock: WallClock
    private let urls: TokenURL
    private let requestTimeout: TimeAmount
    private let clients: OriginClients
    private let origins: WebPushOrigins

    init(settings: WebPushSettings, surroundings: SenderSurroundings) {
        self.settings = settings
        clock = surroundings.clock
        urls = TokenURL(policy: surroundings.connections.policy, endpoint: settings.common.endpoint)
        requestTimeout = surroundings.connections.requestTimeout
        clients = OriginClients(connectionsMax: 16, settings: surroundings.connections)
        origins = WebPushOrigins(subject: settings.subject, key: settings.key, clock: surroundings.clock)
    }

    func send(_ push: VendorPush) async -> VendorAnswer {
        let subscription: WebPushSubscription
        let target: EndpointURL
        do {
            (subscription, target) = try await readToken(push.token)
        } catch {
            return error.answer
        }
        if let left = origins.pauseLeft(of: subscription.endpoint.origin) {
            let said = VendorReply(code: "429", text: "The push service asked for a pause", isLocal: true)
            return .slow(said, scope: .device, after: left)
        }
        let request = WebPushRequest(settings.common.completing(push))
        var generator = SystemRandomNumberGenerator()
        let salt = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        guard
            let encryption = try? WebPushEncryption(
                receiver: subscription.publicKey, authSecret: subscription.authSecret,
                sender: P256.KeyAgreement.PrivateKey(), salt: salt),
            let body = try? encryption.body(of: request.plaintext)
        else { return .drop(VendorReply(code: "encryption_failed", isLocal: true)) }
        let outgoing = OutboundRequest(url: target.text, headers: request.headers, body: body)
        return await post(outgoing, to: target, for: subscription.endpoint)
    }

    /// A push service has no dry run: what can be checked here without one is checked, which is the subscription and
    /// its address. Nothing is sent, and whether the service accepts the key is not known; the answer says so.
    func check(_ push: VendorPush) async -> VendorAnswer {
        do {
            let (subscription, _) = try await readToken(push.token)
            _ = try? origins.authorization(for: subscription.endpoint.origin)
            return .sent(vendorID: "nothing sent: key and subscription were checked here only")
        } catch {
            return error.answer
        }
    }

    func shutdown() async { await clients.shutdown() }

    private func readToken(_ token: PushToken) async throws(TokenURL.Refusal) -> (WebPushSubscription, EndpointURL) {
        let subscription: WebPushSubscription
        do throws(WebPushSubscription.Fault) {
            subscription = try WebPushSubscription(token.token)
        } catch {
            throw TokenURL.Refusal(error.reason)
        }
        return (subscription, try await urls.target(of: subscription.endpoint))
    }

    // MARK: Requests

    /// A refused VAPID token is renewed once. A service that goes on refusing while it accepts others speaks of this
    /// subscription, which was made with another key; without such proof it speaks of the credential.
    private func post(_ request: OutboundRequest, to target: EndpointURL, for endpoint: EndpointURL) async
        -> VendorAnswer
    {
        let origin = endpoint.origin
        let deadline = NIODeadline.now() + requestTimeout
        var refused: String?
        while true {
            guard let authorization = try? origins.authorization(for: origin, refused: refused) else {
                return .auth(
                    VendorReply(code: "signing_failed", text: "The VAPID token could not be signed", isLocal: true))
            }
            guard let client = clients.client(for: target) else {
                return .retry(VendorReply(code: "shut_down", isLocal: true))
            }
            var request = request
            request.headers.add(name: "authorization", value: authorization)
            switch await client.send(request, deadline: deadline) {
            case .failure(let fault): return fault.answerForTokenURL
            case .success(let reply):
                let read = WebPushReply(reply, endpoint: endpoint, now: clock.now)
                if read.isRefusedAuthorization, refused == nil {
                    refused = authorization
                    continue
                }
                return conclude(read.answer, origin: origin)
            }
        }
    }

    private func conclude(_ answer: VendorAnswer, origin: String) -> VendorAnswer {
        switch answer {
        case .sent:
            origins.accepted(by: origin)
        case .slow(_, _, let after?):
            origins.pause(origin, for: after)
        case .auth(let said) where origins.hasJustAccepted(origin):
            return .dead(said, mayBeMisconfiguration: true)
        default: break
        }
        return answer
    }
}

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

    /// Hosts of the browser makers. Any other host was named by a device: what it says concerns its own subscriptions.
    static func isBrowserMakers(_ host: String) -> Bool {
        ["fcm.googleapis.com", "web.push.apple.com"].contains(host)
            || [".push.services.mozilla.com", ".notify.windows.com"].contains { host.hasSuffix($0) }
    }

    private func isKnown(_ endpoint: EndpointURL, _ target: EndpointURL) -> Bool {
        Self.isBrowserMakers(endpoint.host) || target.origin == settings.common.endpoint?.origin
    }

    /// A refused VAPID token is renewed once.
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
            case .failure(let fault): return conclude(fault.answerForTokenURL, endpoint, isKnown(endpoint, target))
            case .success(let reply):
                let read = WebPushReply(reply, endpoint: endpoint, now: clock.now)
                if read.isRefusedAuthorization, refused == nil {
                    refused = authorization
                    continue
                }
                return conclude(read.answer, endpoint, isKnown(endpoint, target))
            }
        }
    }

    /// Judges a subscription and its service, never the credential for what one host says: a device names the host.
    ///
    /// - A refusal: while the same service takes others, the subscription was made with another key and is dead. Else
    ///   it is put off, until several subscriptions of known services were refused and none was taken.
    /// - A fault, or no answer, of a host that nobody vouches for: put off as this device's alone. That an unknown
    ///   outcome is repeated then is harmless, for `tag` has the repeat take the place of the first.
    private func conclude(_ answer: VendorAnswer, _ endpoint: EndpointURL, _ isKnown: Bool) -> VendorAnswer {
        let origin = endpoint.origin
        switch answer {
        case .retry(let said, let after, _) where !isKnown:
            let wait = origins.failed(origin)
            return .slow(said, scope: .device, after: after ?? wait)
        case .unknown(let said) where !isKnown:
            return .slow(said, scope: .device, after: origins.failed(origin))
        case .retry, .unknown: return answer
        default: origins.answered(origin)
        }
        switch answer {
        case .sent: origins.accepted(by: origin, isKnown: isKnown)
        case .slow(_, _, let after?): origins.pause(origin, for: after)
        case .auth(let said):
            if origins.hasJustAccepted(origin) { return .dead(said) }
            let isKeyBad = isKnown && origins.isKeyRefused(for: endpoint.text)
            return isKeyBad ? answer : .slow(said, scope: .device)
        default: break
        }
        return answer
    }
}

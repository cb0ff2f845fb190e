import NIOCore
import NIOHTTP1
import PushCore

/// Sends to APNs over HTTP/2. Apple allows one team on a connection, so the connections are this credential's alone.
final class APNsSender: SinglePushSender {
    let vendor = Vendor.apns
    /// Fewer than the streams Apple allows, and the usual limit of other HTTP/2 servers.
    let concurrentMax = 100
    let canSendSilently = true
    let checkReachesPushCall = true
    var budget: PushBudget { settings.common.budget }

    private struct Host {
        let base: String
        let client: OutboundClient
    }

    private let settings: APNsSettings
    private let clock: WallClock
    private let requestTimeout: TimeAmount
    private let providerToken: APNsProviderToken
    private let production: Host
    private let sandbox: Host

    init(settings: APNsSettings, surroundings: SenderSurroundings) {
        self.settings = settings
        clock = surroundings.clock
        requestTimeout = surroundings.connections.requestTimeout
        providerToken = APNsProviderToken(
            keyID: settings.keyID, teamID: settings.teamID, key: settings.key, clock: surroundings.clock)
        func host(_ origin: EndpointURL, _ trust: OutboundClient.Trust) -> Host {
            Host(
                base: origin.base,
                client: OutboundClient(
                    origin: origin, trust: trust, connectionsMax: 4, settings: surroundings.connections))
        }
        if let endpoint = settings.common.endpoint {
            production = host(endpoint, .tenant)
            sandbox = production
        } else {
            production = host(EndpointURL(knownHost: "api.push.apple.com"), .vendor)
            sandbox = host(EndpointURL(knownHost: "api.sandbox.push.apple.com"), .vendor)
        }
    }

    /// A call rings again each time that it comes: voip pushes are never shown in each other's place.
    func repeatReplaces(_ push: VendorPush) -> Bool { push.token.kind != .voip }

    func send(_ push: VendorPush) async -> VendorAnswer {
        let request = APNsRequest(settings.common.completing(push), topic: settings.topic, now: clock.now)
        return await send(request, for: push.token)
    }

    /// Apple has no dry run: a background push to a token that cannot exist tells a good credential
    /// (`BadDeviceToken`) from a bad one.
    func check(_ push: VendorPush) async -> VendorAnswer {
        let token = probeToken(for: push.token)
        var probe = push
        probe.token = token
        probe.isSilent = true
        probe.timeToLiveSeconds = 0
        probe.data = nil
        probe.override = nil
        let answer = await send(APNsRequest(probe, topic: settings.topic, now: clock.now), for: token)
        if case .dead = answer { return .sent(vendorID: nil) }
        return answer
    }

    /// A token that cannot exist. A key may be good for one environment alone: the one that the settings name, unless
    /// the push is for the other.
    func probeToken(for token: PushToken) -> PushToken {
        PushToken(
            vendor: .apns, token: String(repeating: "0", count: 64),
            environment: token.environment == .sandbox ? .sandbox : settings.environment)
    }

    func shutdown() async {
        await production.client.shutdown()
        await sandbox.client.shutdown()
    }

    private func send(_ request: APNsRequest, for token: PushToken) async -> VendorAnswer {
        let host = token.environment == .sandbox ? sandbox : production
        let deadline = NIODeadline.now() + requestTimeout
        do {
            let jwt = try providerToken.current()
            let first = await post(request, to: host, jwt: jwt, deadline: deadline)
            if case .success(let reply) = first, reply.status == 403,
                APNsReply.reason(in: reply.body) == APNsReply.expiredProviderToken,
                let fresh = try providerToken.replacement(for: jwt)
            {
                // A connection on which a token has expired may stay unusable.
                if fresh.isNew { host.client.reconnect() }
                return answer(await post(request, to: host, jwt: fresh.text, deadline: deadline), token)
            }
            if case .success(let reply) = first, reply.status == 429,
                APNsReply.reason(in: reply.body) == APNsReply.tooManyProviderTokens,
                let earlier = providerToken.predecessor(of: jwt)
            {
                return answer(await post(request, to: host, jwt: earlier, deadline: deadline), token)
            }
            return answer(first, token)
        } catch {
            return .auth(
                VendorReply(code: "signing_failed", text: "The provider token could not be signed", isLocal: true))
        }
    }

    private func post(
        _ request: APNsRequest, to host: Host, jwt: String, deadline: NIODeadline
    ) async -> Result<OutboundReply, TransportFault> {
        var headers = request.headers
        headers.add(name: "authorization", value: "bearer " + jwt)
        let number = host.client.openedCount
        let result = await host.client.send(
            OutboundRequest(url: host.base + request.path, headers: headers, body: request.body), deadline: deadline)
        if case .success(let reply) = result, let reason = APNsReply.reason(in: reply.body),
            APNsReply.endOfConnection.contains(reason)
        {
            // The first of many answers with that reason; the others came over the connection that is left already.
            host.client.reconnect(unlessNewerThan: number)
        }
        return result
    }

    private func answer(_ result: Result<OutboundReply, TransportFault>, _ token: PushToken) -> VendorAnswer {
        switch result {
        case .success(let reply): APNsReply.answer(to: reply, token: token, now: clock.now)
        case .failure(let fault): fault.answer
        }
    }
}

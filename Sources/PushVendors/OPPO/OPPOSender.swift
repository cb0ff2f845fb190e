import NIOCore
import NIOHTTP1
import PushCore
import Synchronization

/// Sends to OPPO Push, up to 1000 notifications a request. Devices in China and elsewhere are two services, each with
/// a login of its own.
final class OPPOSender: VendorSender {
    let vendor = Vendor.oppo
    let concurrentMax = 32
    let canSendSilently = false
    var budget: PushBudget { settings.common.budget }
    let batchForm = BatchForm.anyContent(max: OPPORequest.messagesMax)

    /// So many refusals of category or level in a row, and nothing sent in between, are a fault of the settings.
    static let levelRefusalsMax = 3

    private struct Host: Sendable {
        let base: String
        let client: OutboundClient
        let requests: AuthorizedRequests
    }

    private let settings: OPPOSettings
    private let clock: WallClock
    private let requestTimeout: TimeAmount
    private let receiptURL: String?
    private let china: Host
    private let overseas: Host
    private let unknownReplies: UnknownReplyLog
    private let levelRefusals = Mutex(0)

    init(settings: OPPOSettings, surroundings: SenderSurroundings) {
        self.settings = settings
        clock = surroundings.clock
        requestTimeout = surroundings.connections.requestTimeout
        receiptURL = surroundings.receiptURL
        unknownReplies = UnknownReplyLog(.oppo, surroundings)
        func host(_ origin: EndpointURL, _ trust: OutboundClient.Trust) -> Host {
            Self.host(origin, trust, settings: settings, surroundings: surroundings)
        }
        if let endpoint = settings.common.endpoint {
            china = host(endpoint, .tenant)
            overseas = china
        } else {
            china = host(EndpointURL(knownHost: "api.push.oppomobile.com"), .vendor)
            overseas = host(EndpointURL(knownHost: "api-intl.push.oppomobile.com"), .vendor)
        }
    }

    private static func host(
        _ origin: EndpointURL, _ trust: OutboundClient.Trust, settings: OPPOSettings, surroundings: SenderSurroundings
    ) -> Host {
        let connections = surroundings.connections
        let client = OutboundClient(origin: origin, trust: trust, connectionsMax: 32, settings: connections)
        let login = OPPOLogin(
            base: origin.base, settings: settings, clock: surroundings.clock, client: client,
            requestTimeout: connections.requestTimeout)
        let cache = AccessTokenCache(clock: surroundings.clock) { await login.fetch() }
        return Host(
            base: origin.base, client: client,
            requests: AuthorizedRequests(
                client: client, accessToken: cache, requestTimeout: connections.requestTimeout))
    }

    /// Whether an id belongs to the service in China: it has one part, or begins `CN_` or `OPPO_CN_`.
    static func isInChina(_ token: String) -> Bool {
        !token.contains("_") || token.hasPrefix("CN_") || token.hasPrefix("OPPO_CN_")
    }

    private func host(of push: VendorPush) -> Host { Self.isInChina(push.token.token) ? china : overseas }

    func send(_ batch: [VendorPush]) async -> [VendorAnswer] {
        let deadline = NIODeadline.now() + requestTimeout
        var answers = batch.map(Self.refusal)
        let sendable = batch.indices.filter { answers[$0] == nil }
        let hasOneHost = settings.common.endpoint != nil
        let first = sendable.filter { hasOneHost || Self.isInChina(batch[$0].token.token) }
        let second = sendable.filter { !hasOneHost && !Self.isInChina(batch[$0].token.token) }
        async let atHome = send(first.map { batch[$0] }, to: china, deadline: deadline)
        async let abroad = send(second.map { batch[$0] }, to: overseas, deadline: deadline)
        for (index, answer) in zip(first, await atHome) { answers[index] = answer }
        for (index, answer) in zip(second, await abroad) { answers[index] = answer }
        return answers.map { $0 ?? .retry(VendorReply(code: "no_answer", isLocal: true)) }
    }

    /// OPPO has no dry run: the login is what can be checked without delivering anything.
    func check(_ push: VendorPush) async -> VendorAnswer { await host(of: push).requests.checkLogin() }

    func shutdown() async {
        await china.client.shutdown()
        await overseas.client.shutdown()
    }

    /// What OPPO need not be asked about.
    private static func refusal(_ push: VendorPush) -> VendorAnswer? {
        if push.isSilent { return .drop(VendorReply(code: "background", text: "OPPO shows every push", isLocal: true)) }
        // Some of the vendor's calls take several ids with a separator in between.
        let isID = push.token.token.utf8.allSatisfy {
            $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: ";")
        }
        return isID ? nil : .dead(VendorReply(code: "illegal_token", isLocal: true))
    }

    private func send(_ pushes: [VendorPush], to host: Host, deadline: NIODeadline) async -> [VendorAnswer] {
        if pushes.isEmpty { return [] }
        let split = BatchSplit(deadline: deadline) { part in
            await self.attempt(part, to: host, deadline: deadline)
        }
        return (await split.send(pushes.map(settings.completing))).map(weighing)
    }

    private func attempt(_ pushes: [VendorPush], to host: Host, deadline: NIODeadline) async -> BatchOutcome {
        let request = OPPORequest(pushes, settings: settings, receiptURL: receiptURL)
        let outcome = await host.requests.send(deadline: deadline, isRefused: OPPOReply.isRefusedLogin) { access in
            OutboundRequest(
                url: host.base + request.path, headers: ["content-type": FormBody.contentType],
                body: request.body(accessToken: access.text),
                replyBytesMax: OutboundRequest.replyBytesMax(naming: pushes.map(\.token.token)))
        }
        switch outcome {
        case .answered(let answer): return .each(Array(repeating: answer, count: pushes.count))
        case .reply(let raw):
            let reply = OPPOReply(raw)
            let tokens = pushes.map(\.token)
            for code in Set(reply.uncertainCodes) {
                unknownReplies.note(code: code, reply: raw, hiding: tokens.map(\.token) + [settings.masterSecret])
            }
            let outcome = reply.outcome(for: tokens, now: clock.now)
            // Halves would be refused like the whole.
            if case .undivided(.drop(let said)) = outcome, said.code == OPPOReply.levelRefused, haveOneClass(pushes) {
                return .each(Array(repeating: .auth(said), count: pushes.count))
            }
            return outcome
        }
    }

    /// Whether category, channel and level are the same in all of them.
    private func haveOneClass(_ pushes: [VendorPush]) -> Bool {
        let classes = Set(
            pushes.map { push in
                [
                    push.category, push.channel, "\(push.messageClass)", "\(push.isQuiet)",
                    "\(push.isHighPriority)", push.override?.text,
                ]
            })
        return classes.count == 1
    }

    /// A category or level that is refused again and again is the credential's fault, not one push's.
    private func weighing(_ answer: VendorAnswer) -> VendorAnswer {
        switch answer {
        case .sent:
            levelRefusals.withLock { $0 = 0 }
            return answer
        case .drop(let reply) where reply.code == OPPOReply.levelRefused:
            let count = levelRefusals.withLock { count in
                count += 1
                return count
            }
            return count > Self.levelRefusalsMax ? .auth(reply) : answer
        default: return answer
        }
    }
}

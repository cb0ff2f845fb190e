import NIOCore
import NIOHTTP1
import PushCore

/// Sends to Mi Push: one notification for up to 1000 registration ids a request. The key is static; there is no login.
final class XiaomiSender: VendorSender {
    let vendor = Vendor.xiaomi
    let concurrentMax = 32
    let batchForm = BatchForm.sameContent(max: XiaomiRequest.tokensMax)
    var canSendSilently: Bool { settings.passesThrough }
    var budget: PushBudget { settings.common.budget }

    private let settings: XiaomiSettings
    private let clock: WallClock
    private let url: String
    private let client: OutboundClient
    private let requestTimeout: TimeAmount
    private let receiptURL: String?
    private let unknownReplies: UnknownReplyLog

    init(settings: XiaomiSettings, surroundings: SenderSurroundings) {
        self.settings = settings
        clock = surroundings.clock
        requestTimeout = surroundings.connections.requestTimeout
        receiptURL = surroundings.receiptURL
        let origin = settings.common.endpoint ?? EndpointURL(knownHost: settings.region.host)
        url = origin.base + "/v3/message/regid"
        client = OutboundClient(
            origin: origin, trust: settings.common.endpoint == nil ? .vendor : .tenant,
            connectionsMax: concurrentMax, settings: surroundings.connections)
        unknownReplies = UnknownReplyLog(.xiaomi, surroundings)
    }

    func send(_ batch: [VendorPush]) async -> [VendorAnswer] {
        guard let first = batch.first else { return [] }
        let deadline = NIODeadline.now() + requestTimeout
        let content = settings.completing(first)
        // Ids are joined by commas: a token with one in it would name somebody else's device.
        let isUsable = batch.map { Self.isRegistrationID($0.token.token) }
        let usable = zip(batch, isUsable).filter { $0.1 }.map { $0.0 }
        if usable.isEmpty { return batch.map { _ in Self.illegal } }
        let split = BatchSplit(deadline: deadline) { part in
            await self.attempt(part.map(\.token), content: content, deadline: deadline)
        }
        var answers = (await split.send(usable)).makeIterator()
        return isUsable.map {
            $0 ? answers.next() ?? .retry(VendorReply(code: "no_answer", isLocal: true)) : Self.illegal
        }
    }

    /// The vendor has no dry run. A push to an id that cannot exist is looked at after the key: it is refused for its
    /// target (10029), or accepted and goes nowhere; both say that the key is good.
    func check(_ push: VendorPush) async -> VendorAnswer {
        var probe = push
        probe.token = PushToken(vendor: .xiaomi, token: "pushgate-credential-check")
        probe.timeToLiveSeconds = 0
        (probe.data, probe.override) = (nil, nil)
        switch await send(probe) {
        case .sent, .dead: return .sent(vendorID: nil)
        case let answer: return answer
        }
    }

    func shutdown() async { await client.shutdown() }

    private static let illegal = VendorAnswer.dead(VendorReply(code: "illegal_token", isLocal: true))

    private static func isRegistrationID(_ token: String) -> Bool {
        !token.isEmpty && token.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ",") }
    }

    private func attempt(_ tokens: [PushToken], content: VendorPush, deadline: NIODeadline) async -> BatchOutcome {
        let form = XiaomiRequest(content, tokens: tokens.map(\.token), settings: settings, receiptURL: receiptURL)
        let request = OutboundRequest(
            url: url,
            headers: ["content-type": FormBody.contentType, "authorization": "key=" + settings.appSecret],
            body: form.body, replyBytesMax: OutboundRequest.replyBytesMax(naming: tokens.map(\.token)))
        switch await client.send(request, deadline: deadline) {
        case .failure(let fault): return .each(Array(repeating: fault.answer, count: tokens.count))
        case .success(let raw):
            let reply = XiaomiReply(raw)
            if !reply.isKnown {
                unknownReplies.note(
                    code: reply.code ?? "\(raw.status)", reply: raw,
                    hiding: tokens.map(\.token) + [settings.appSecret])
            }
            return reply.outcome(for: tokens, now: clock.now)
        }
    }
}

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
    private let line: ClientCredentialsLine
    private let unknownReplies: UnknownReplyLog

    init(settings: HuaweiSettings, surroundings: SenderSurroundings) {
        self.settings = settings
        clock = surroundings.clock
        line = ClientCredentialsLine(
            host: "push-api.cloud.huawei.com", loginHost: "oauth-login.cloud.huawei.com", loginPath: "/oauth2/v3/token",
            clientID: settings.clientID, clientSecret: settings.clientSecret, endpoint: settings.common.endpoint,
            connectionsMax: concurrentMax, surroundings: surroundings)
        url = line.base + settings.path
        unknownReplies = UnknownReplyLog(.huawei, surroundings)
    }

    func send(_ batch: [VendorPush]) async -> [VendorAnswer] { await send(batch, isDryRun: false) }

    /// A dry run of this very push: Huawei checks credential, request and token.
    func check(_ push: VendorPush) async -> VendorAnswer {
        await send([push], isDryRun: true).first ?? .retry(VendorReply(code: "no_answer", isLocal: true))
    }

    func shutdown() async { await line.shutdown() }

    private func send(_ batch: [VendorPush], isDryRun: Bool) async -> [VendorAnswer] {
        guard let first = batch.first else { return [] }
        let tokens = batch.map(\.token)
        let request = HuaweiRequest(
            settings.completing(first), tokens: tokens.map(\.token), settings: settings, isDryRun: isDryRun)
        let outcome = await line.requests.send(isRefused: HuaweiReply.isRefusedLogin) { [url] access in
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

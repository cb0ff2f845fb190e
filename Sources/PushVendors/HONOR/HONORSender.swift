import NIOCore
import NIOHTTP1
import PushCore

/// Sends to HONOR Push: one notification for up to 1000 tokens a request.
final class HONORSender: VendorSender {
    let vendor = Vendor.honor
    let concurrentMax = 32
    let canSendSilently = true
    var budget: PushBudget { settings.common.budget }
    let batchForm = BatchForm.sameContent(max: HONORRequest.tokensMax)

    private let settings: HONORSettings
    private let clock: WallClock
    private let url: String
    private let line: ClientCredentialsLine
    private let unknownReplies: UnknownReplyLog

    init(settings: HONORSettings, surroundings: SenderSurroundings) {
        self.settings = settings
        clock = surroundings.clock
        line = ClientCredentialsLine(
            host: "push-api.cloud.honor.com", loginHost: "iam.developer.honor.com", loginPath: settings.loginPath,
            clientID: settings.clientID, clientSecret: settings.clientSecret, endpoint: settings.common.endpoint,
            connectionsMax: concurrentMax, surroundings: surroundings)
        url = line.base + "/api/v1/\(settings.appID)/sendMessage"
        unknownReplies = UnknownReplyLog(.honor, surroundings)
    }

    func send(_ batch: [VendorPush]) async -> [VendorAnswer] {
        guard let first = batch.first else { return [] }
        let tokens = batch.map(\.token)
        let request = HONORRequest(settings.completing(first), tokens: tokens.map(\.token), settings: settings)
        let outcome = await line.requests.send(isRefused: HONORReply.isRefusedLogin) { [url, clock] access in
            OutboundRequest(
                url: url,
                headers: [
                    "content-type": "application/json", "authorization": "Bearer " + access.text,
                    "timestamp": "\(clock.now)",
                ],
                body: request.body,
                replyBytesMax: OutboundRequest.replyBytesMax(naming: tokens.map(\.token)))
        }
        switch outcome {
        case .answered(let answer): return Array(repeating: answer, count: batch.count)
        case .reply(let raw):
            let reply = HONORReply(raw)
            if !reply.isKnown {
                unknownReplies.note(
                    code: reply.code ?? "\(raw.status)", reply: raw,
                    hiding: tokens.map(\.token) + [settings.clientSecret])
            }
            return reply.answers(for: tokens, now: clock.now)
        }
    }

    /// HONOR has no dry run: the login is what can be checked without delivering anything.
    func check(_ push: VendorPush) async -> VendorAnswer { await line.requests.checkLogin() }

    func shutdown() async { await line.shutdown() }
}

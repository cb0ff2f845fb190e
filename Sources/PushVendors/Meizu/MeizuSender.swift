import NIOCore
import PushCore

/// Sends to Meizu: every request is signed by itself, there is no login.
final class MeizuSender: VendorSender {
    let vendor = Vendor.meizu
    let concurrentMax = 16
    /// Meizu's pass-through is not open to new apps.
    let canSendSilently = false
    var budget: PushBudget { settings.common.budget }
    let batchForm = BatchForm.sameContent(max: 100)

    private let settings: MeizuSettings
    private let clock: WallClock
    private let requestTimeout: TimeAmount
    private let receiptURL: String?
    private let client: OutboundClient
    private let log: UnknownReplyLog

    init(settings: MeizuSettings, surroundings: SenderSurroundings) {
        self.settings = settings
        clock = surroundings.clock
        requestTimeout = surroundings.connections.requestTimeout
        receiptURL = surroundings.receiptURL
        client = OutboundClient(
            origin: settings.origin, trust: settings.common.endpoint == nil ? .vendor : .tenant,
            connectionsMax: concurrentMax, settings: surroundings.connections)
        log = UnknownReplyLog(.meizu, surroundings)
    }

    func send(_ batch: [VendorPush]) async -> [VendorAnswer] {
        guard let first = batch.first else { return [] }
        // A comma separates ids: a token with one in it would be two.
        let isWhole = batch.map { !$0.token.token.contains(",") }
        let good = zip(batch, isWhole).filter(\.1).map(\.0)
        var answers = good.isEmpty ? [] : await post(first, to: good)
        for index in batch.indices where !isWhole[index] {
            let said = VendorReply(code: "illegal_token", text: "The token is no pushId", isLocal: true)
            answers.insert(.dead(said), at: index)
        }
        return answers
    }

    /// A `pushId` that nobody has: Meizu looks at the signature first and refuses the id (110003) when that is good, so
    /// a `.dead` answer means a good credential. Nothing can be delivered.
    func check(_ push: VendorPush) async -> VendorAnswer {
        var probe = push
        probe.token = PushToken(vendor: .meizu, token: Self.nobody)
        probe.data = nil
        probe.override = nil
        return await post(probe, to: [probe]).first ?? .retry(VendorReply(code: "no_answer", isLocal: true))
    }

    static let nobody = "S5Q000000000000000000000000000000000000"

    func shutdown() async { await client.shutdown() }

    private func post(_ push: VendorPush, to batch: [VendorPush]) async -> [VendorAnswer] {
        let request = MeizuRequest(
            push, to: batch.map(\.token.token), settings: settings, receiptURL: receiptURL)
        let outgoing = OutboundRequest(
            url: settings.origin.base + MeizuRequest.path,
            headers: ["content-type": FormBody.contentType], body: request.body,
            replyBytesMax: OutboundRequest.replyBytesMax(naming: batch.map(\.token.token)))
        switch await client.send(outgoing, deadline: .now() + requestTimeout) {
        case .failure(let fault): return batch.map { _ in fault.answer }
        case .success(let reply):
            let read = MeizuReply(reply, overrides: settings.replies, now: clock.now)
            for code in read.uncertainCodes {
                log.note(code: code, reply: reply, hiding: batch.map(\.token.token))
            }
            return read.answers(for: batch)
        }
    }
}

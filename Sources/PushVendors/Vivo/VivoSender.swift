import NIOCore
import PushCore

/// Sends to vivo: one push by itself, several with the same content as a list, which takes two requests.
final class VivoSender: VendorSender {
    let vendor = Vendor.vivo
    let concurrentMax = 16
    /// vivo has no pass-through.
    let canSendSilently = false
    var budget: PushBudget { settings.common.budget }
    let batchForm = BatchForm.sameContent(max: 1000)

    private let settings: VivoSettings
    private let clock: WallClock
    private let requestTimeout: TimeAmount
    private let receiptURL: String?
    private let client: OutboundClient
    private let accessToken: AccessTokenCache
    private let log: UnknownReplyLog

    init(settings: VivoSettings, surroundings: SenderSurroundings) {
        self.settings = settings
        clock = surroundings.clock
        requestTimeout = surroundings.connections.requestTimeout
        receiptURL = surroundings.receiptURL
        client = OutboundClient(
            origin: settings.origin, trust: settings.common.endpoint == nil ? .vendor : .tenant,
            connectionsMax: concurrentMax, settings: surroundings.connections)
        let login = VivoLogin(
            settings: settings, clock: surroundings.clock, client: client, requestTimeout: requestTimeout)
        accessToken = AccessTokenCache(clock: surroundings.clock) { await login.fetch() }
        log = UnknownReplyLog(.vivo, surroundings)
    }

    func send(_ batch: [VendorPush]) async -> [VendorAnswer] {
        guard let first = batch.first else { return [] }
        let deadline = NIODeadline.now() + requestTimeout
        let split = BatchSplit(deadline: deadline) { part in
            await self.attempt(part, content: part.first ?? first, until: deadline)
        }
        return await split.send(batch)
    }

    private func attempt(_ batch: [VendorPush], content: VendorPush, until deadline: NIODeadline) async
        -> BatchOutcome
    {
        let request = VivoRequest(content, settings: settings, receiptURL: receiptURL)
        if batch.count == 1 {
            return await outcome(of: post("/message/send", request.single, until: deadline), for: batch)
        }
        switch await taskID(for: request.payload(for: batch), of: batch, until: deadline) {
        case .failure(let failure): return failure.outcome
        case .success(let taskID):
            let body = VivoRequest.list(batch, taskID: taskID, settings: settings)
            let expected = OutboundRequest.replyBytesMax(naming: batch.map(\.token.token))
            return await outcome(
                of: post("/message/pushToList", body, replyBytesMax: expected, until: deadline), for: batch)
        }
    }

    /// vivo's test mode reaches registered test phones only: the login shows whether the credential is good.
    func check(_ push: VendorPush) async -> VendorAnswer {
        switch await accessToken.current() {
        case .success: .sent(vendorID: nil)
        case .failure(let failure): failure.answer
        }
    }

    func shutdown() async { await client.shutdown() }

    // MARK: Steps

    private struct StepFailure: Error {
        let outcome: BatchOutcome
    }

    /// Stores the content of a list. Nothing is shown by that, so whatever goes wrong may be repeated.
    private func taskID(for payload: [UInt8], of batch: [VendorPush], until deadline: NIODeadline) async
        -> Result<RawJSON, StepFailure>
    {
        let outcome = await RequestStart.unreported {
            await post("/message/saveListPayload", payload, until: deadline)
        }
        if case .reply(let reply) = outcome {
            let read = VivoReply(reply, overrides: settings.replies, now: clock.now)
            if read.isSuccess, let taskID = read.taskID { return .success(taskID) }
        }
        guard case .each(let answers) = self.outcome(of: outcome, for: batch) else {
            return .failure(StepFailure(outcome: self.outcome(of: outcome, for: batch)))
        }
        let repeatable = answers.map { answer -> VendorAnswer in
            switch answer {
            case .unknown(let said): .retry(said)
            // Accepted, but without the number that the second step needs.
            case .sent: .retry(VendorReply(code: "no_task"), triesMax: ReplyMeaning.triesOfUnknownCode)
            default: answer
            }
        }
        return .failure(StepFailure(outcome: .each(repeatable)))
    }

    private func post(
        _ path: String, _ body: [UInt8], replyBytesMax: Int = ConnectionSettings.replyBytesMax,
        until deadline: NIODeadline
    ) async -> AuthorizedRequests.Outcome {
        let (settings, now) = (settings, clock.now)
        let requests = AuthorizedRequests(
            client: client, accessToken: accessToken, requestTimeout: deadline - .now())
        let isRefused: @Sendable (OutboundReply) -> Bool = {
            VivoReply($0, overrides: settings.replies, now: now).isRefusedAuthorization
        }
        return await requests.send(isRefused: isRefused) { access in
            OutboundRequest(
                url: settings.origin.base + path,
                headers: ["content-type": "application/json", "authToken": access.text], body: body,
                replyBytesMax: replyBytesMax)
        }
    }

    private func outcome(of outcome: AuthorizedRequests.Outcome, for batch: [VendorPush]) -> BatchOutcome {
        switch outcome {
        case .answered(let answer): return .each(batch.map { _ in answer })
        case .reply(let reply):
            let read = VivoReply(reply, overrides: settings.replies, now: clock.now)
            if read.isUncertain {
                log.note(code: read.result ?? "\(reply.status)", reply: reply, hiding: batch.map(\.token.token))
            }
            return read.outcome(for: batch)
        }
    }
}

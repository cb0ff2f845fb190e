import NIOCore
import PushCore

/// What one request for several pushes came to.
enum BatchOutcome: Sendable, Equatable {
    /// An answer for each, in their order.
    case each([VendorAnswer])
    /// The whole request was refused for something that one of its pushes may have, and the vendor does not say which.
    /// Nothing of it was delivered.
    case undivided(VendorAnswer)
}

/// Finds the pushes for which a vendor refuses a whole batch, by sending halves: the others must not die or be dropped
/// with them. Bounded in time and in requests; what could not be told by then is tried again later.
struct BatchSplit: Sendable {
    static let requestsMax = 64

    let deadline: NIODeadline
    let attempt: @Sendable ([VendorPush]) async -> BatchOutcome

    func send(_ batch: [VendorPush]) async -> [VendorAnswer] {
        var left = Self.requestsMax
        return await send(batch, requestsLeft: &left)
    }

    private func send(_ batch: [VendorPush], requestsLeft: inout Int) async -> [VendorAnswer] {
        requestsLeft -= 1
        switch await attempt(batch) {
        case .each(let answers): return answers
        case .undivided(let answer):
            guard batch.count > 1 else { return [answer] }
            guard requestsLeft > 1, NIODeadline.now() < deadline else {
                return Array(repeating: .retry(answer.reply ?? VendorReply(code: "not_told_apart")), count: batch.count)
            }
            let middle = batch.count / 2
            let first = await send(Array(batch[..<middle]), requestsLeft: &requestsLeft)
            guard requestsLeft > 0, NIODeadline.now() < deadline else {
                let rest = VendorAnswer.retry(answer.reply ?? VendorReply(code: "not_told_apart"))
                return first + Array(repeating: rest, count: batch.count - middle)
            }
            return first + (await send(Array(batch[middle...]), requestsLeft: &requestsLeft))
        }
    }
}

extension VendorAnswer {
    /// The vendor's words, where it refused.
    var reply: VendorReply? {
        switch self {
        case .sent: nil
        case .dead(let reply, _, _), .retry(let reply, _, _), .unknown(let reply), .auth(let reply), .drop(let reply),
            .slow(let reply, _, _):
            reply
        }
    }
}

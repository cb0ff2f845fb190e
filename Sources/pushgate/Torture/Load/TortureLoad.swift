import Foundation
import PushGateClient
import Synchronization

/// Senders that do what a sender has to do: repeat a message with its id until it is answered.
final class TortureLoad: Sendable {
    struct Counters: Sendable {
        var attempted = 0
        var accepted = 0
        var refused = 0
        /// Tries that had no answer, or one that asks to try again.
        var repeated = 0
        var underWay: Int { attempted - accepted - refused }
    }

    private let world: TortureWorld
    private let seed: UInt64
    private let rate: Int
    private let ledger: LedgerPipe
    private let state = Mutex(Counters())
    private let lastProblem = Mutex("")
    /// Who has no answer by now gets none.
    private let isOver = Atomic(false)
    private let isPaused = Atomic(false)
    /// Messages that wait for an answer at most; while so many do, no new ones are begun.
    private static let underWayMax = 1500

    init(world: TortureWorld, seed: UInt64, rate: Int, ledger: LedgerPipe) {
        self.world = world
        self.seed = seed
        self.rate = rate
        self.ledger = ledger
    }

    var counters: Counters { state.withLock { $0 } }
    /// What the last try that had to be repeated was told.
    var lastRepeat: String { lastProblem.withLock { $0 } }

    /// No new messages are begun; those under way go on.
    func pause() { isPaused.store(true, ordering: .relaxed) }
    func resume() { isPaused.store(false, ordering: .relaxed) }

    /// Begins messages until it is cancelled, then waits for the answers that are still out, at most `patience`.
    func run(patience: Duration) async {
        await withDiscardingTaskGroup { group in
            let start = ContinuousClock.now
            var number = 0
            var skipped = 0
            while !Task.isCancelled {
                let elapsed = ContinuousClock.now - start
                let due = Int(elapsed / .seconds(1) * Double(rate)) - skipped
                while number < due {
                    guard counters.underWay < Self.underWayMax, !isPaused.load(ordering: .relaxed) else {
                        skipped += due - number
                        break
                    }
                    let message = TortureMessage(number, seed: seed, world: world)
                    ledger.tell(message.attempt)
                    state.withLock { $0.attempted += 1 }
                    // The answers are waited for after the load was cancelled, too.
                    group.addTask { await Task.detached { await self.send(message) }.value }
                    number += 1
                }
                do { try await Task.sleep(for: .milliseconds(10)) } catch { break }
            }
            let deadline = ContinuousClock.now + patience
            while counters.underWay > 0, ContinuousClock.now < deadline {
                await Task.detached { try? await Task.sleep(for: .milliseconds(50)) }.value  // cannot be cancelled
            }
            isOver.store(true, ordering: .relaxed)
        }
    }

    private func send(_ message: TortureMessage) async {
        var pause = Duration.milliseconds(50)
        while !isOver.load(ordering: .relaxed) {
            do {
                switch message.door {
                case .http(let tenant): try await tenant.api.send(message.message)
                case .mqtt(let device): try await device.send(message.message)
                }
                ledger.tell(
                    .accepted(message: message.number, at: Int64(Date().timeIntervalSince1970 * 1000)))
                state.withLock { $0.accepted += 1 }
                return
            } catch let problem as GatewayProblem where Self.isFinal(problem) {
                ledger.tell(.refused(message: message.number, code: problem.code))
                state.withLock { $0.refused += 1 }
                return
            } catch {
                state.withLock { $0.repeated += 1 }
                lastProblem.withLock { $0 = "\(message.message.id): \(error)" }
            }
            try? await Task.sleep(for: pause)  // cannot be cancelled: the task is its own
            pause = min(pause * 2, .milliseconds(800))
        }
    }

    /// Whether the same message would be refused again.
    private static func isFinal(_ problem: GatewayProblem) -> Bool {
        [
            "invalid_request", "forbidden", "not_a_member", "tenant_mismatch", "not_found", "recipient_not_found",
            "message_id_conflict", "conflict", "too_large", "unsupported_media_type", "method_not_allowed", "denied",
        ].contains(problem.code)
    }
}

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
        var broadcasts = 0
        /// Edits and revokes that were answered.
        var edited = 0
        var revoked = 0
        /// Those that are still out.
        var changing = 0
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
    /// Nothing new is begun any more.
    private let isEnding = Atomic(false)
    /// Messages that wait for an answer at most; while so many do, no new ones are begun.
    private static let underWayMax = 400

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
    var isHeldUp: Bool { isPaused.load(ordering: .relaxed) }

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
                    begin(message)
                    // The answers are waited for after the load was cancelled, too.
                    group.addTask { await Task.detached { await self.live(message) }.value }
                    number += 1
                }
                do { try await Task.sleep(for: .milliseconds(10)) } catch { break }
            }
            isEnding.store(true, ordering: .relaxed)
            let deadline = ContinuousClock.now + patience
            while counters.underWay + counters.changing > 0, ContinuousClock.now < deadline {
                await Task.detached { try? await Task.sleep(for: .milliseconds(50)) }.value  // cannot be cancelled
            }
            isOver.store(true, ordering: .relaxed)
        }
    }

    /// A message beside those of the load; returns when it was answered.
    func deliver(_ message: TortureMessage) async {
        begin(message)
        _ = await send(message)
    }

    private func begin(_ message: TortureMessage) {
        ledger.tell(message.attempt)
        state.withLock { $0.attempted += 1 }
    }

    /// Sends it, and changes it afterwards.
    private func live(_ message: TortureMessage) async {
        guard await send(message) else { return }
        for (pause, change) in message.changes {
            try? await Task.sleep(for: pause)  // cannot be cancelled: the task is its own
            guard !isEnding.load(ordering: .relaxed), await self.change(message, change) else { return }
        }
    }

    private func send(_ message: TortureMessage) async -> Bool {
        let refusal = await untilAnswered(message.message.id) {
            switch message.door {
            case .http(let tenant): try await tenant.api.send(message.message)
            case .mqtt(let device): try await device.send(message.message)
            }
        }
        switch refusal {
        case .unknown: return false
        case .none:
            ledger.tell(.accepted(message: message.number, at: Int64(Date().timeIntervalSince1970 * 1000)))
            state.withLock {
                $0.accepted += 1
                if case .broadcast = message.attempt { $0.broadcasts += 1 }
            }
            return true
        case .some(let code):
            ledger.tell(.refused(message: message.number, code: code))
            state.withLock { $0.refused += 1 }
            return false
        }
    }

    private func change(_ message: TortureMessage, _ change: TortureChange) async -> Bool {
        let (number, id) = (message.number, message.message.id)
        let edit = Int(change.content?[EntryForm.editMember]?.integer ?? 0)
        ledger.tell(change.content == nil ? .revoking(message: number) : .editing(message: number, edit: edit))
        state.withLock { $0.changing += 1 }
        let refusal = await untilAnswered(id) {
            switch (message.door, change) {
            case (.http(let tenant), .edit(let content)): try await tenant.api.updateMessage(id, content: content)
            case (.http(let tenant), .revoke): try await tenant.api.revokeMessage(id)
            case (.mqtt(let device), _): try await device.change(id, change)
            }
        }
        switch refusal {
        case .unknown: return false  // it stays in the count of those that are out
        case .none:
            ledger.tell(change.content == nil ? .revoked(message: number) : .edited(message: number, edit: edit))
            state.withLock {
                $0.changing -= 1
                if change.content == nil { $0.revoked += 1 } else { $0.edited += 1 }
            }
            return true
        case .some(let code):
            ledger.tell(.changeRefused(message: number, code: code))
            state.withLock { $0.changing -= 1 }
            return false
        }
    }

    private enum Refusal {
        case none
        case some(code: String)
        /// The run was over before there was an answer.
        case unknown
    }

    private func untilAnswered(_ id: String, _ body: () async throws -> Void) async -> Refusal {
        var pause = Duration.milliseconds(50)
        while !isOver.load(ordering: .relaxed) {
            do {
                try await body()
                return .none
            } catch let problem as GatewayProblem where Self.isFinal(problem) {
                return .some(code: problem.code)
            } catch {
                state.withLock { $0.repeated += 1 }
                lastProblem.withLock { $0 = "\(id): \(error)" }
            }
            try? await Task.sleep(for: pause)  // cannot be cancelled: the task is its own
            pause = min(pause * 2, .milliseconds(800))
        }
        return .unknown
    }

    /// Whether the same message would be refused again.
    private static func isFinal(_ problem: GatewayProblem) -> Bool {
        [
            "invalid_request", "forbidden", "not_a_member", "tenant_mismatch", "not_found", "recipient_not_found",
            "message_id_conflict", "conflict", "too_large", "unsupported_media_type", "method_not_allowed", "denied",
            "not_sender", "not_recipient", "message_revoked", "message_burned", "not_burnable",
        ].contains(problem.code)
    }
}

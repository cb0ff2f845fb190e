import Dispatch
import Foundation
import GRDB
import Logging
import PushCore
import Synchronization

/// Everything that changes the store passes through here: one thread, one connection.
///
/// Whatever waits is run together in one transaction, each command in a savepoint of its own, and committed with one
/// sync; only then do caches and feed learn of it and the callers get their answers. A batch forms while the one before
/// it is being synced; a lone command is never delayed to make one.
///
/// A failed COMMIT answers the whole batch with `overloaded`, and memory is taken from the store again: what was not
/// committed was never told to anybody.
final class CommitQueue: Sendable {
    /// What happened so far, for metrics and tests.
    struct Counters: Sendable {
        var transactions = 0
        var commands = 0
        var failures = 0
    }

    private struct State {
        var waiting: [any Command] = []
        var isIdle = false
        var isClosed = false
        var counters = Counters()
        var lastCommit: ContinuousClock.Instant?
    }

    private let state = Mutex(State())
    private let wake = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)
    private let limits: Limits

    init(limits: Limits) { self.limits = limits }

    var counters: Counters { state.withLock { $0.counters } }
    /// Commands that wait for the thread.
    var waitingCount: Int { state.withLock { $0.waiting.count } }
    var isClosed: Bool { state.withLock { $0.isClosed } }
    /// When a transaction last reached the disk; nil when the last one failed.
    var lastCommit: ContinuousClock.Instant? { state.withLock { $0.lastCommit } }

    /// Runs `body` in a transaction and returns once it is on disk. A `GatewayError` it throws undoes it alone. Throws
    /// `overloaded` when the queue is full (before anything) or the commit failed (nothing happened).
    func run<Value: Sendable>(_ body: @escaping @Sendable (Writer) throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            enqueue(PendingCommand(body: body, continuation: continuation))
        }
    }

    private func enqueue(_ command: any Command) {
        let (isAccepted, wasIdle) = state.withLock { state -> (Bool, Bool) in
            guard !state.isClosed, state.waiting.count < limits.writerQueueCommandsMax else { return (false, false) }
            state.waiting.append(command)
            defer { state.isIdle = false }
            return (true, state.isIdle)
        }
        if !isAccepted { command.fail(Self.overloaded) }
        if wasIdle { wake.signal() }
    }

    static let overloaded = GatewayError(.overloaded, "The store is busy.", retryAfterSeconds: 1)

    /// Lets the writer's thread look for work that did not come through the queue.
    func nudge() {
        let wasIdle = state.withLock { state in
            defer { state.isIdle = false }
            return state.isIdle
        }
        if wasIdle { wake.signal() }
    }

    // MARK: The writer's thread

    /// Starts the thread. It ends after ``close()``, when everything that had been accepted is done.
    func start(_ thread: WriterThread) {
        let handover = Handover(thread: thread)
        let writerThread = Thread { [self] in
            loop(handover.thread)
            ended.signal()
        }
        writerThread.name = "pushgate.writer"
        writerThread.stackSize = 4 << 20
        writerThread.start()
    }

    /// Refuses new commands, finishes the waiting ones and ends the thread.
    func close() {
        let isFirst = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard isFirst else { return }
        wake.signal()
        ended.wait()
    }

    /// `@unchecked`: made by the opening thread, used by the writer's thread alone once that has begun.
    private struct Handover: @unchecked Sendable {
        let thread: WriterThread
    }

    private enum Next {
        case commands([any Command])
        case idle
        case closed
    }

    private func loop(_ thread: WriterThread) {
        while true {
            switch next(thread) {
            case .commands(let commands): process(commands, thread, isIdle: false)
            case .idle: process([], thread, isIdle: true)
            case .closed:
                thread.end()
                return
            }
        }
    }

    private func next(_ thread: WriterThread) -> Next {
        var timedOut = false
        while true {
            let found = state.withLock { state -> Next? in
                if !state.waiting.isEmpty {
                    let count = min(state.waiting.count, limits.writerBatchCommandsMax)
                    let batch = Array(state.waiting.prefix(count))
                    state.waiting.removeFirst(count)
                    return .commands(batch)
                }
                if state.isClosed { return .closed }
                if thread.hasIndexWork { return .idle }
                state.isIdle = !timedOut
                return nil
            }
            if let found { return found }
            if timedOut {
                thread.considerRun(isIdle: true)
                timedOut = false
                continue
            }
            if let idle = thread.idleTimeout {
                timedOut = wake.wait(timeout: .now() + idle) == .timedOut
            } else {
                wake.wait()
            }
        }
    }

    private func process(_ commands: [any Command], _ thread: WriterThread, isIdle: Bool) {
        var refusals = [(any Error)?](repeating: nil, count: commands.count)
        do {
            let batches = try thread.transaction(isIdle: isIdle) { writer in
                for (index, command) in commands.enumerated() {
                    do {
                        try writer.attempt { try command.execute(on: writer) }
                    } catch let fault as BatchFault {
                        throw fault
                    } catch {
                        refusals[index] = error
                    }
                }
            }
            let now = ContinuousClock.now
            state.withLock { state in
                state.counters.transactions += 1
                state.counters.commands += commands.count
                state.lastCommit = now
            }
            thread.feed(batches)
            for (command, refusal) in zip(commands, refusals) {
                if let refusal { command.fail(thread.publicError(refusal)) } else { command.succeed() }
            }
            thread.considerRun(isIdle: false)
        } catch {
            state.withLock { state in
                state.counters.failures += 1
                state.lastCommit = nil
            }
            thread.recover(from: error)
            for command in commands { command.fail(Self.overloaded) }
        }
    }
}

/// A unit of work that somebody awaits.
private protocol Command: Sendable {
    func execute(on writer: Writer) throws
    func succeed()
    func fail(_ error: any Error)
}

/// One command and who waits for it.
private final class PendingCommand<Value: Sendable>: Command {
    private let body: @Sendable (Writer) throws -> Value
    private let continuation: CheckedContinuation<Value, any Error>
    private let value = Mutex<Value?>(nil)

    init(
        body: @escaping @Sendable (Writer) throws -> Value, continuation: CheckedContinuation<Value, any Error>
    ) {
        self.body = body
        self.continuation = continuation
    }

    func execute(on writer: Writer) throws {
        let made = try body(writer)
        value.withLock { $0 = made }
    }

    func succeed() {
        if let value = value.withLock({ $0 }) {
            continuation.resume(returning: value)
        } else {
            fail(CommitQueue.overloaded)
        }
    }

    func fail(_ error: any Error) { continuation.resume(throwing: error) }
}

import Synchronization

/// Lets callers wait for something to be reported, without looking again and again. It remembers the last few reports,
/// so that what came just before the call is found too.
final class Watch<Report: Sendable>: Sendable {
    private struct Waiter: Sendable {
        let matches: @Sendable (Report) -> Bool
        let continuation: CheckedContinuation<Report, any Error>
    }

    private struct State {
        var recent: [Report] = []
        /// Where the next report goes, once the list is full.
        var next = 0
        var waiters: [UInt64: Waiter] = [:]
        var nextID: UInt64 = 0
    }

    private let state = Mutex(State())
    private let recentMax: Int

    init(recentMax: Int) { self.recentMax = recentMax }

    func report(_ report: Report) {
        let continuations = state.withLock { state in
            if state.recent.count < recentMax {
                state.recent.append(report)
            } else if recentMax > 0 {
                state.recent[state.next] = report
                state.next = (state.next + 1) % recentMax
            }
            guard !state.waiters.isEmpty else { return [CheckedContinuation<Report, any Error>]() }
            let ids = state.waiters.filter { $0.value.matches(report) }.keys
            return ids.compactMap { state.waiters.removeValue(forKey: $0)?.continuation }
        }
        for continuation in continuations { continuation.resume(returning: report) }
    }

    /// - Throws: ``WaitedTooLong``.
    func wait(within limit: Duration, where matches: @escaping @Sendable (Report) -> Bool) async throws -> Report {
        let id = state.withLock { state in
            defer { state.nextID += 1 }
            return state.nextID
        }
        let timer = Task {
            try await Task.sleep(for: limit)
            self.fail(id)
        }
        defer { timer.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let found = state.withLock { state -> Report? in
                    if let found = state.recent.first(where: matches) { return found }
                    state.waiters[id] = Waiter(matches: matches, continuation: continuation)
                    return nil
                }
                if let found { continuation.resume(returning: found) }
                if Task.isCancelled { fail(id) }
            }
        } onCancel: {
            fail(id)
        }
    }

    private func fail(_ id: UInt64) {
        state.withLock { $0.waiters.removeValue(forKey: id) }?.continuation.resume(throwing: WaitedTooLong())
    }
}

/// Nothing of the kind was reported in time.
public struct WaitedTooLong: Error, Sendable {}

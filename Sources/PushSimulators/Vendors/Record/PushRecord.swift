import DequeModule
import NIOCore
import Synchronization

/// Everything that arrived, in order, within a bound; and who is waiting for what.
final class PushRecord: Sendable {
    private struct Waiter {
        let matches: @Sendable (RecordedPush) -> Bool
        let continuation: CheckedContinuation<RecordedPush, any Error>
    }

    private struct State {
        var pushes: Deque<RecordedPush> = []
        /// Sequence numbers per (vendor, token), only of what is still in `pushes`.
        var sequencesByToken: [SimulatedVendor: [String: [Int]]] = [:]
        var lastSequence = 0
        var refusals: Deque<RefusedRequest> = []
        var counters: [SimulatedVendor: VendorCounters] = [:]
        var requests: Deque<RecordedRequest> = []
        var waiters: [Int: Waiter] = [:]
        var lastWaiter = 0
        /// Waits that were cancelled before they were registered.
        var cancelledWaiters: Set<Int> = []
        var isClosed = false

        func push(_ sequence: Int) -> RecordedPush? {
            guard let first = pushes.first?.sequence, sequence >= first, sequence <= lastSequence else { return nil }
            return pushes[sequence - first]
        }
    }

    private static let mostRefusals = 200
    private let limit: Int
    private let requestsMax: Int
    private let state = Mutex(State())

    private let accepted: (@Sendable (RecordedPush) -> Void)?

    init(limit: Int, requests requestsMax: Int = 0, accepted: (@Sendable (RecordedPush) -> Void)? = nil) {
        self.accepted = accepted
        self.limit = max(1, limit)
        self.requestsMax = requestsMax
    }

    // MARK: Written by the services

    func countRequest(_ vendor: SimulatedVendor, disturbed: Bool) {
        state.withLock {
            $0.counters[vendor, default: VendorCounters()].requests += 1
            if disturbed { $0.counters[vendor, default: VendorCounters()].disturbed += 1 }
        }
    }

    func note(_ request: RecordedRequest) {
        guard requestsMax > 0 else { return }
        state.withLock {
            $0.requests.append(request)
            if $0.requests.count > requestsMax { _ = $0.requests.popFirst() }
        }
    }

    func accept(_ push: RecordedPush) { accept([push]) }

    /// The pushes of one request, in the order of its tokens.
    func accept(_ pushes: [RecordedPush]) {
        let served = state.withLock { state -> [(Waiter, RecordedPush)] in
            var served: [(Waiter, RecordedPush)] = []
            for var push in pushes {
                state.lastSequence += 1
                push.sequence = state.lastSequence
                accepted?(push)
                state.counters[push.vendor, default: VendorCounters()].accepted += 1
                state.pushes.append(push)
                state.sequencesByToken[push.vendor, default: [:]][push.token, default: []].append(push.sequence)
                if state.pushes.count > limit { Self.dropOldest(&state) }
                for (id, waiter) in state.waiters where waiter.matches(push) {
                    served.append((waiter, push))
                    state.waiters[id] = nil
                }
            }
            return served
        }
        for (waiter, push) in served { waiter.continuation.resume(returning: push) }
    }

    private static func dropOldest(_ state: inout State) {
        guard let oldest = state.pushes.popFirst() else { return }
        guard var sequences = state.sequencesByToken[oldest.vendor]?[oldest.token] else { return }
        if sequences.first == oldest.sequence { sequences.removeFirst() }
        state.sequencesByToken[oldest.vendor]?[oldest.token] = sequences.isEmpty ? nil : sequences
    }

    func refuse(_ refusal: RefusedRequest) {
        state.withLock {
            $0.counters[refusal.vendor, default: VendorCounters()].refused += 1
            $0.refusals.append(refusal)
            if $0.refusals.count > Self.mostRefusals { _ = $0.refusals.popFirst() }
        }
    }

    // MARK: Read

    var refusals: [RefusedRequest] { state.withLock { Array($0.refusals) } }

    var requests: [RecordedRequest] { state.withLock { Array($0.requests) } }

    var counters: [SimulatedVendor: VendorCounters] { state.withLock { $0.counters } }

    func pushes(where matches: (RecordedPush) -> Bool) -> [RecordedPush] {
        // Copied first, so that a slow predicate does not hold up the servers.
        state.withLock { $0.pushes }.filter(matches)
    }

    func pushes(to token: String) -> [RecordedPush] {
        state.withLock { state in
            state.sequencesByToken.values.compactMap { $0[token] }.joined().sorted().compactMap { state.push($0) }
        }
    }

    func clear() {
        state.withLock {
            $0.pushes = []
            $0.sequencesByToken = [:]
            $0.refusals = []
            $0.counters = [:]
            $0.requests = []
        }
    }

    // MARK: Waiting

    func wait(
        on eventLoop: any EventLoop, within limit: Duration, where matches: @escaping @Sendable (RecordedPush) -> Bool
    ) async throws -> RecordedPush {
        let id = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        let (seconds, attoseconds) = limit.components
        let deadline = eventLoop.scheduleTask(in: .nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)) {
            self.fail(id, VendorSimulatorError.nothingArrived)
        }
        defer {
            deadline.cancel()
            state.withLock { _ = $0.cancelledWaiters.remove(id) }
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result = state.withLock { state -> Result<RecordedPush, any Error>? in
                    if let push = state.pushes.first(where: matches) { return .success(push) }
                    if state.isClosed { return .failure(VendorSimulatorError.closed) }
                    if state.cancelledWaiters.contains(id) { return .failure(CancellationError()) }
                    state.waiters[id] = Waiter(matches: matches, continuation: continuation)
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            self.fail(id, CancellationError())
        }
    }

    private func fail(_ id: Int, _ error: any Error) {
        let waiter = state.withLock { state -> Waiter? in
            guard let waiter = state.waiters.removeValue(forKey: id) else {
                state.cancelledWaiters.insert(id)
                return nil
            }
            return waiter
        }
        waiter?.continuation.resume(throwing: error)
    }

    func close() {
        let waiters = state.withLock { state in
            defer { state.waiters = [:] }
            state.isClosed = true
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.continuation.resume(throwing: VendorSimulatorError.closed) }
    }
}

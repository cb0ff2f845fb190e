import Logging
import PushTestSupport
import Synchronization
import TestWaiting
import Testing

@testable import PushCore

@Suite struct BroadcastPublisherTests {
    /// A channel of which the broker has nothing yet, and a broker that answers when the test says so.
    private final class Channel: BroadcastStore, DownlinkPublisher {
        struct State {
            var waiting: [UnpublishedBroadcast]
            var published: [Int64] = []
            var tries: [String] = []
            var refusals = 0
            var payloads: [String] = []
            var completions: [@Sendable (PublishOutcome) -> Void] = []
            var isFull = false
            var listener: (@Sendable () -> Void)?
        }

        let state: Mutex<State>

        init(_ count: Int, ttl: Int64? = nil) throws {
            let message = try ArchivedMessage.sample(form: .broadcast, timeToLive: ttl, serverTime: 10_000)
            state = Mutex(
                State(
                    waiting: (1...count).map {
                        UnpublishedBroadcast(
                            tenant: message.tenantKey,
                            entry: BroadcastEntry(seq: Int64($0), revision: 0, message: message))
                    }))
        }

        func onBroadcast(_ listener: @escaping @Sendable () -> Void) { state.withLock { $0.listener = listener } }

        func unpublishedBroadcasts(limit: Int) async throws -> [UnpublishedBroadcast] {
            state.withLock { Array($0.waiting.prefix(limit)) }
        }

        func published(_ broadcasts: [UnpublishedBroadcast], at now: Milliseconds) async throws {
            state.withLock { state in
                let seqs = broadcasts.map(\.entry.seq)
                state.published += seqs
                state.waiting.removeAll { seqs.contains($0.entry.seq) }
            }
        }

        func publish(
            topic: String, payload: [UInt8], expirySeconds: UInt32?, account: AccountKey,
            completion: @escaping @Sendable (PublishOutcome) -> Void
        ) -> Bool {
            state.withLock { state in
                guard !state.isFull else {
                    state.refusals += 1
                    return false
                }
                state.payloads.append(String(decoding: payload, as: UTF8.self))
                let seq = (try? RawJSON(parsing: payload))?.object?["seq"]?.integer ?? 0
                state.tries.append("\(topic) \(seq) \(expirySeconds.map { "\($0)" } ?? "-")")
                state.completions.append(completion)
                return true
            }
        }

        /// The broker answers everything that it was given.
        func answer(_ outcome: PublishOutcome) {
            let waiting = state.withLock { state in
                defer { state.completions = [] }
                return state.completions
            }
            for completion in waiting { completion(outcome) }
        }

        func publishTransient(topic: String, payload: [UInt8]) {}
        func dueJobs(at now: Milliseconds, limit: Int) async throws -> [MessageKey] { [] }
        func advanceJob(
            _ message: MessageKey, at now: Milliseconds, startedAt: Milliseconds,
            isConnected: @escaping @Sendable (String) -> Bool
        ) async throws -> JobStep { JobStep(walked: 0, hasPushes: false) }
        func job(of id: String, tenant: Tenant) async throws -> JobStatus? { nil }
        func change(_ action: JobAction, jobOf id: String, tenant: Tenant, at now: Milliseconds) async throws {}
    }

    private func running(
        _ channel: Channel, outstandingMax: Int = 32, _ body: (Channel) async throws -> Void
    ) async throws {
        var limits = Limits()
        limits.broadcastsOutstandingMax = outstandingMax
        let publisher = BroadcastPublisher(
            store: channel, publisher: channel, limits: limits, clock: WallClock { 12_000 },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, published: {})
        let task = Task { await publisher.run() }
        defer { task.cancel() }
        try await body(channel)
    }

    @Test func `broadcasts go out in order, with what is left of their life`() async throws {
        try await running(try Channel(3, ttl: 60)) { channel in
            try await eventually("three tries") { channel.state.withLock { $0.tries.count } == 3 }
            #expect(channel.state.withLock { $0.published } == [])
            channel.answer(.nobodySubscribed)
            try await eventually("all are written down") { channel.state.withLock { $0.published } == [1, 2, 3] }
            #expect(channel.state.withLock { $0.tries } == (1...3).map { "tenant/acme/broadcast \($0) 58" })
        }
    }

    @Test func `what is expired has no end of its life any more`() async throws {
        try await running(try Channel(1, ttl: 1)) { channel in
            try await eventually("a try") { channel.state.withLock { $0.tries } == ["tenant/acme/broadcast 1 -"] }
        }
    }

    @Test func `nothing overtakes what the broker has not taken, and what was lost goes out again`() async throws {
        try await running(try Channel(3), outstandingMax: 2) { channel in
            try await eventually("two tries") { channel.state.withLock { $0.completions.count } == 2 }
            channel.answer(.lost)
            try await eventually("again") { channel.state.withLock { $0.completions.count } == 2 }
            #expect(channel.state.withLock { $0.published } == [])
            channel.answer(.taken)
            try await eventually("the third") { channel.state.withLock { $0.completions.count } == 1 }
            channel.answer(.taken)
            try await eventually("all are written down") { channel.state.withLock { $0.published } == [1, 2, 3] }
            #expect(
                channel.state.withLock { $0.tries.map { $0.split(separator: " ")[1] } } == ["1", "2", "1", "2", "3"])
        }
    }

    @Test func `a full queue is waited for, and a refused broadcast holds up nobody`() async throws {
        let channel = try Channel(2)
        channel.state.withLock { $0.isFull = true }
        try await running(channel) { channel in
            try await eventually("it listens") { channel.state.withLock { $0.listener != nil } }
            #expect(channel.state.withLock { $0.tries } == [])
            channel.state.withLock { $0.isFull = false }
            try await eventually("two tries") { channel.state.withLock { $0.completions.count } == 2 }
            channel.answer(.refused(reasonCode: 149))
            try await eventually("both are settled") { channel.state.withLock { $0.published } == [1, 2] }
        }
    }

    @Test func `what is revoked while the broker is away goes out without its content`() async throws {
        let channel = try Channel(1)
        channel.state.withLock { $0.isFull = true }
        try await running(channel) { channel in
            try await eventually("a try") { channel.state.withLock { $0.refusals > 0 } }
            let revoked = try ArchivedMessage.sample(
                form: .broadcast, timeToLive: 60, state: .revoked, serverTime: 10_000)
            channel.state.withLock { state in
                state.waiting = [
                    UnpublishedBroadcast(
                        tenant: revoked.tenantKey, entry: BroadcastEntry(seq: 1, revision: 0, message: revoked))
                ]
                state.isFull = false
            }
            try await eventually("it is published") { channel.state.withLock { $0.payloads.count } == 1 }
            let payload = try #require(channel.state.withLock { $0.payloads.first })
            #expect(payload.contains(#""content":null"#) && payload.contains(#""revoked":true"#))
            // The short form needs no end: whoever is away gets it by sync in any case.
            #expect(channel.state.withLock { $0.tries } == ["tenant/acme/broadcast 1 -"])
        }
    }

    @Test func `pace is kept over many small steps`() async throws {
        var pace = Pace(perSecond: 1000)
        let start = ContinuousClock.now
        for _ in 0..<10 { await pace.wait(for: 20) }
        #expect(start.duration(to: .now) >= .milliseconds(190))
    }

    @Test(arguments: JobAction.allCases, JobState.allCases)
    func `an action leads to its state or nowhere`(_ action: JobAction, _ state: JobState) {
        let expected: JobState? =
            switch (action, state) {
            case (_, .done): nil
            case (.cancel, _): .cancelled
            case (_, .cancelled): nil
            case (.pause, _): .paused
            case (.resume, _): .running
            }
        #expect(action.next(from: state) == expected)
        if let expected { #expect(action.next(from: expected) == expected) }
    }
}

import MosquittoClient
import Synchronization
import TestWaiting

/// Keeps what sessions reported.
final class EventLog: Sendable {
    private let entries = Mutex<[MQTTEvent]>([])

    var handler: MQTTSession.Handler { { _, event in self.entries.withLock { $0.append(event) } } }
    var events: [MQTTEvent] { entries.withLock { $0 } }
    var messages: [MQTTMessage] { events.compactMap { if case .message(let message) = $0 { message } else { nil } } }
    var connects: Int { events.count { if case .connected = $0 { true } else { false } } }
    var refusals: [UInt8] { events.compactMap { if case .connectRefused(let code, _) = $0 { code } else { nil } } }
    var failures: [MQTTFailure] {
        events.compactMap { if case .connectFailed(let failure) = $0 { failure } else { nil } }
    }
    var isSubscribed: Bool { events.contains { if case .subscribed = $0 { true } else { false } } }

    func waits(file: StaticString = #fileID, line: UInt = #line, for condition: (EventLog) -> Bool) async throws {
        try await eventually(
            "the sessions report it", seen: { "\(events.suffix(20))" }, file: file, line: line,
            { condition(self) })
    }
}

/// Counts how often each of a number of publishes completed, and how.
final class Completions: Sendable {
    private let outcomes = Mutex<[Int: [PublishOutcome]]>([:])

    func add(_ index: Int, _ outcome: PublishOutcome) { outcomes.withLock { $0[index, default: []].append(outcome) } }
    var count: Int { outcomes.withLock { $0.count } }
    var all: [Int: [PublishOutcome]] { outcomes.withLock { $0 } }
    func allAre(_ matches: (PublishOutcome) -> Bool) -> Bool {
        all.values.allSatisfy { $0.count == 1 && $0.allSatisfy(matches) }
    }
}

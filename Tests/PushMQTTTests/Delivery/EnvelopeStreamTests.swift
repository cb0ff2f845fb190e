import MosquittoClient
import Synchronization
import TestWaiting
import Testing

@testable import PushMQTT

/// Against a Mosquitto without the plugin: it acknowledges what goes to a control topic and delivers it to nobody. What
/// becomes of an envelope inside the broker is in BrokerPluginTests.
@Suite(.timeLimit(.minutes(1))) struct EnvelopeStreamTests {
    /// Numbers of publishes with their outcomes, in the order in which they came.
    private final class Outcomes: Sendable {
        private let all = Mutex<[(number: Int, outcome: PublishOutcome)]>([])

        func note(_ number: Int, _ outcome: PublishOutcome) { all.withLock { $0.append((number, outcome)) } }
        var numbers: [Int] { all.withLock { $0.map(\.number) } }
        func areAll(_ outcome: PublishOutcome) -> Bool { all.withLock { $0.allSatisfy { $0.outcome == outcome } } }
    }

    @Test func `each publish is answered once, in order, however they were gathered`() async throws {
        let place = try Place()
        try await place.withBroker { broker in
            let loop = try MQTTLoop()
            let session = try loop.makeSession(
                MQTTSession.Options(host: "127.0.0.1", port: broker.gatewayAddress.port, clientID: "one")
            ) { _, _ in }
            let stream = EnvelopeStream(session, waitingMax: 10_000)
            let outcomes = Outcomes()
            for number in 0..<5000 {
                let isTaken = stream.publish(
                    topic: "account/a", payload: [UInt8](repeating: 0, count: number % 700)
                ) { outcomes.note(number, $0) }
                #expect(isTaken)
            }
            await stream.drain(atMost: .seconds(30))
            let isEachOnceInOrder = outcomes.numbers == Array(0..<5000)
            #expect(isEachOnceInOrder)
            #expect(outcomes.areAll(.acknowledged(reasonCode: 0)))
            await loop.shutdown()
        }
    }

    @Test func `what waits has a bound, and a session that stops answers for all of it`() async throws {
        let loop = try MQTTLoop()
        // Nobody listens there.
        let session = try loop.makeSession(
            MQTTSession.Options(host: "127.0.0.1", port: Place.freePort(), clientID: "one")
        ) { _, _ in }
        let stream = EnvelopeStream(session, waitingMax: 100)
        let outcomes = Outcomes()
        var taken = 0
        while stream.publish(topic: "account/a", payload: [1], completion: { [taken] in outcomes.note(taken, $0) }) {
            taken += 1
        }
        #expect(taken == 102, "two under way, a hundred waiting")
        #expect(outcomes.numbers.isEmpty)
        await stream.drain(atMost: .milliseconds(20))
        await loop.shutdown(drain: .zero)
        #expect(outcomes.numbers.sorted() == Array(0..<taken))
        #expect(outcomes.areAll(.lost))
    }
}

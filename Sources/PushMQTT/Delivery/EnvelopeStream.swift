import BrokerControl
import DequeModule
import MosquittoClient
import PushCore
import Synchronization

/// Publishes through the plugin of our own broker, many at a time (``BrokerControl/PublishEnvelope``): what comes while
/// envelopes are under way leaves together in the next one. A publish that comes alone leaves at once.
final class EnvelopeStream: Sendable {
    typealias Completion = @Sendable (MosquittoClient.PublishOutcome) -> Void

    private struct Parcel {
        var envelope = PublishEnvelope()
        var completions: [Completion] = []
    }

    private struct State {
        var waiting = Deque<Parcel>()
        var waitingCount = 0
        /// Parcels that the broker has not acknowledged.
        var underWay = 0
        /// Parcels whose publishes are being answered.
        var ending = 0

        var isEmpty: Bool { waiting.isEmpty && underWay == 0 && ending == 0 }
    }

    private let session: MQTTSession
    private let state = Mutex(State())
    private let emptied = WakeSignal()

    /// One in the broker's hands and the next one at its door. More would only make them smaller.
    private static let underWayMax = 2
    /// Of an envelope with more than one publish. The broker takes packets of 2 MiB, and handles one at a time.
    private static let envelopeBytesMax = 64 * 1024
    private let waitingMax: Int

    /// - Parameter waitingMax: publishes that may wait for the envelopes under way.
    init(_ session: MQTTSession, waitingMax: Int) {
        self.session = session
        self.waitingMax = waitingMax
    }

    /// - Parameter completion: called exactly once for what was taken, on the session's thread.
    /// - Returns: false when too many wait.
    func publish(
        topic: String, payload: [UInt8], expirySeconds: UInt32? = nil, correlationData: [UInt8]? = nil,
        completion: @escaping Completion
    ) -> Bool {
        let refused = state.withLock { state -> [Completion]? in
            guard state.waitingCount < waitingMax else { return nil }
            let byteCount = PublishEnvelope.byteCount(topic: topic, payload: payload, correlationData: correlationData)
            if state.waiting.isEmpty
                || state.waiting[state.waiting.count - 1].envelope.bytes.count + byteCount > Self.envelopeBytesMax
            {
                state.waiting.append(Parcel())
            }
            state.waiting[state.waiting.count - 1].envelope.append(
                topic: topic, payload: payload, expirySeconds: expirySeconds, correlationData: correlationData)
            state.waiting[state.waiting.count - 1].completions.append(completion)
            state.waitingCount += 1
            return sendWhatMayGo(&state)
        }
        guard let refused else { return false }
        for completion in refused { completion(.lost) }
        return true
    }

    /// Called with the lock held: two threads must not change the order of two envelopes.
    /// - Returns: the publishes of envelopes that the session did not take, because it has been stopped.
    private func sendWhatMayGo(_ state: inout State) -> [Completion] {
        var refused: [Completion] = []
        while state.underWay < Self.underWayMax, let parcel = state.waiting.popFirst() {
            state.waitingCount -= parcel.envelope.count
            do throws(MQTTCallError) {
                try session.publish(topic: BrokerTopic.publish, payload: parcel.envelope.bytes) { [self] outcome in
                    ended(parcel.completions, outcome)
                }
                state.underWay += 1
            } catch {
                refused += parcel.completions
            }
        }
        return refused
    }

    /// Waits until all that was taken has been answered.
    func drain(atMost duration: Duration) async {
        let deadline = ContinuousClock.now + duration
        while !state.withLock(\.isEmpty), ContinuousClock.now < deadline, !Task.isCancelled {
            await emptied.wait(atMost: deadline - .now)
        }
    }

    private func ended(_ completions: [Completion], _ outcome: MosquittoClient.PublishOutcome) {
        let refused = state.withLock { state in
            state.underWay -= 1
            state.ending += 1
            return sendWhatMayGo(&state)
        }
        for completion in completions { completion(outcome) }
        for completion in refused { completion(.lost) }
        let isEmpty = state.withLock { state in
            state.ending -= 1
            return state.isEmpty
        }
        if isEmpty { emptied.wake() }
    }
}

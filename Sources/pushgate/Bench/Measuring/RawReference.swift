/// The raw broker's figures, measured once for each number of subscribers and each payload of a run.
actor RawReference {
    private struct Key: Hashable {
        let subscribers: Int
        let payloadBytes: Int
        let isFanOut: Bool
    }

    private let seconds: Int
    private let progress: @Sendable (String) -> Void
    private var known: [Key: RawBroker.Figures] = [:]
    private(set) var first: RawBroker.Figures?

    private static let fanOutRounds = 9

    init(seconds: Int, progress: @escaping @Sendable (String) -> Void) {
        self.seconds = seconds
        self.progress = progress
    }

    /// Each subscriber with a topic of its own.
    func figures(subscribers: Int, payloadBytes: Int) async throws -> RawBroker.Figures {
        let key = Key(subscribers: subscribers, payloadBytes: payloadBytes, isFanOut: false)
        if let figures = known[key] { return figures }
        progress("measuring the raw broker: \(subscribers) subscribers, \(payloadBytes) bytes")
        let figures = try await RawBroker.measure(
            subscribers: subscribers, payloadBytes: payloadBytes, seconds: seconds)
        known[key] = figures
        if first == nil { first = figures }
        return figures
    }

    /// All subscribers with the same topic, one message after the other.
    func fanOut(subscribers: Int, payloadBytes: Int) async throws -> RawBroker.Figures {
        let key = Key(subscribers: subscribers, payloadBytes: payloadBytes, isFanOut: true)
        if let figures = known[key] { return figures }
        progress("measuring the raw broker: one topic, \(subscribers) subscribers, \(payloadBytes) bytes")
        let figures = try await RawBroker.measureFanOut(
            subscribers: subscribers, payloadBytes: payloadBytes, rounds: Self.fanOutRounds)
        known[key] = figures
        return figures
    }
}

/// Whether one tenant's service may be asked now: how many questions are open, and whether it has answered lately.
///
/// After ``failuresMax`` questions in a row that took long and came to nothing it is left alone for ``pause`` and then gets
/// one question as a probe; an answer to that closes the circuit again. A quick failure costs a sender nothing and does not
/// count: whoever finds words that the service stumbles over would otherwise silence it for everybody. Pure: time comes in.
struct QuestionCircuit: Sendable {
    static let failuresMax = 10
    static let pause: Duration = .seconds(10)
    /// Questions under way at once: each holds a message and a connection.
    static let openMax = 1024

    private(set) var openCount = 0
    private var failures = 0
    private var leftAloneUntil: ContinuousClock.Instant?
    private var isProbing = false

    /// Nobody is asked now: either the service does not answer, or it has too many questions already.
    var isBroken: Bool { leftAloneUntil != nil }

    enum Admission: Sendable, Equatable { case ask, tooMany, broken }

    /// What came of a question.
    enum End: Sendable { case answered, quickFailure, slowFailure }

    mutating func admit(at now: ContinuousClock.Instant) -> Admission {
        if openCount >= Self.openMax { return .tooMany }
        if let until = leftAloneUntil {
            guard now >= until, !isProbing else { return .broken }
            isProbing = true
        }
        openCount += 1
        return .ask
    }

    /// - Returns: whether the circuit has just opened or closed.
    mutating func end(_ end: End, at now: ContinuousClock.Instant) -> Bool {
        openCount -= 1
        let wasBroken = isBroken
        switch end {
        case .answered, .quickFailure:
            failures = 0
            leftAloneUntil = nil
            isProbing = false
        case .slowFailure:
            failures += 1
            if wasBroken || failures >= Self.failuresMax {
                leftAloneUntil = now + Self.pause
                isProbing = false
            }
        }
        return wasBroken != isBroken
    }
}

import Testing

@testable import PushCore

@Suite struct QuestionCircuitTests {
    private let start = ContinuousClock.now

    private func failed(_ circuit: inout QuestionCircuit, times: Int, at now: ContinuousClock.Instant) {
        for _ in 0..<times {
            guard case .ask = circuit.admit(at: now) else { return }
            _ = circuit.end(.slowFailure, at: now)
        }
    }

    @Test func `a service that does not answer is left alone, then gets one question`() {
        var circuit = QuestionCircuit()
        failed(&circuit, times: QuestionCircuit.failuresMax, at: start)
        #expect(circuit.isBroken)
        #expect(circuit.admit(at: start) == .broken)
        let later = start + QuestionCircuit.pause
        #expect(circuit.admit(at: later) == .ask)
        #expect(circuit.admit(at: later) == .broken, "a second question went out beside the probe")
        let isChanged = circuit.end(.slowFailure, at: later)
        #expect(!isChanged && circuit.isBroken)
        #expect(circuit.admit(at: later + .seconds(1)) == .broken)
    }

    @Test func `an answer closes it, and the count begins anew`() {
        var circuit = QuestionCircuit()
        failed(&circuit, times: QuestionCircuit.failuresMax, at: start)
        let later = start + QuestionCircuit.pause
        _ = circuit.admit(at: later)
        let isChanged = circuit.end(.answered, at: later)
        #expect(isChanged && !circuit.isBroken)
        failed(&circuit, times: QuestionCircuit.failuresMax - 1, at: later)
        #expect(!circuit.isBroken)
        #expect(circuit.admit(at: later) == .ask)
    }

    @Test func `a service has a bounded number of questions at once`() {
        var circuit = QuestionCircuit()
        for _ in 0..<QuestionCircuit.openMax { #expect(circuit.admit(at: start) == .ask) }
        #expect(circuit.admit(at: start) == .tooMany)
        _ = circuit.end(.answered, at: start)
        #expect(circuit.admit(at: start) == .ask)
        #expect(circuit.openCount == QuestionCircuit.openMax)
    }

    /// Questions that were open when it broke end one by one: each adds to the time that the service is left alone, and
    /// none lets a second probe out.
    @Test func `questions that hang end after the circuit has broken`() {
        var circuit = QuestionCircuit()
        for _ in 0..<50 { _ = circuit.admit(at: start) }
        for _ in 0..<50 { _ = circuit.end(.slowFailure, at: start + .seconds(2)) }
        #expect(circuit.openCount == 0 && circuit.isBroken)
        #expect(circuit.admit(at: start + .seconds(11)) == .broken)
        #expect(circuit.admit(at: start + .seconds(12)) == .ask)
    }

    @Test func `failures that cost no time leave it closed`() {
        var circuit = QuestionCircuit()
        for _ in 0..<100 {
            _ = circuit.admit(at: start)
            _ = circuit.end(.quickFailure, at: start)
        }
        #expect(!circuit.isBroken && circuit.admit(at: start) == .ask)
    }
}

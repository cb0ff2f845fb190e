import PushCore
import Synchronization
import Testing

@Suite struct WakeSignalTests {
    @Test func `a signal before the wait is kept`() async {
        let signal = WakeSignal()
        signal.wake()
        signal.wake()
        let began = ContinuousClock.now
        await signal.wait(atMost: .seconds(60))
        #expect(ContinuousClock.now - began < .seconds(30))
    }

    @Test func `it wakes again after a wait has timed out`() async {
        let signal = WakeSignal()
        for _ in 0..<3 { await signal.wait(atMost: .milliseconds(1)) }
        let woken = Mutex(false)
        let waiting = Task {
            let began = ContinuousClock.now
            await signal.wait(atMost: .seconds(60))
            woken.withLock { $0 = ContinuousClock.now - began < .seconds(30) }
        }
        signal.wake()
        await waiting.value
        #expect(woken.withLock { $0 })
    }

    @Test func `a timed out signal does not return at once the next time`() async {
        let signal = WakeSignal()
        await signal.wait(atMost: .milliseconds(1))
        let began = ContinuousClock.now
        await signal.wait(atMost: .milliseconds(50))
        #expect(ContinuousClock.now - began >= .milliseconds(50))
    }

    @Test func `cancellation ends the wait`() async {
        let signal = WakeSignal()
        let waiting = Task { await signal.wait(atMost: .seconds(60)) }
        waiting.cancel()
        let began = ContinuousClock.now
        await waiting.value
        #expect(ContinuousClock.now - began < .seconds(30))
    }

    @Test func `a short wait does not wait for the timer of a longer one before it`() async {
        let signal = WakeSignal()
        let long = Task { await signal.wait(atMost: .seconds(600)) }
        signal.wake()
        await long.value
        let began = ContinuousClock.now
        await signal.wait(atMost: .milliseconds(5))
        #expect(ContinuousClock.now - began < .seconds(60))
    }

    @Test func `the timer of a wait that was woken does not end the next one early`() async {
        let signal = WakeSignal()
        let short = Task { await signal.wait(atMost: .milliseconds(10)) }
        signal.wake()
        await short.value
        let began = ContinuousClock.now
        await signal.wait(atMost: .milliseconds(100))
        #expect(ContinuousClock.now - began >= .milliseconds(100))
    }
}

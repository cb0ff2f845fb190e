import Glibc
import MosquittoClient
import Synchronization
import TestWaiting
import Testing

@Suite(.serialized) struct LoopTimerTests {
    @Test func `timers run when they are due, in their order, on one thread`() async throws {
        let loop = try MQTTLoop()
        let calls = Mutex<[(name: String, thread: UInt, at: ContinuousClock.Instant)]>([])
        @Sendable func note(_ name: String) {
            calls.withLock { $0.append((name, UInt(pthread_self()), .now)) }
        }
        let began = ContinuousClock.now
        loop.schedule(after: .milliseconds(60)) { note("60") }
        // Earlier than what the loop waits for: it has to be woken up.
        loop.schedule(after: .milliseconds(20)) {
            note("20")
            loop.schedule(after: .milliseconds(20)) { note("20+20") }
            loop.schedule(after: .zero) { note("at once") }
        }
        for number in 0..<50 { loop.schedule(after: .milliseconds(100)) { note("\(number)") } }
        try await eventually("all have run") { calls.withLock { $0.count } == 54 }
        let all = calls.withLock { $0 }
        #expect(all.map(\.name) == ["20", "at once", "20+20", "60"] + (0..<50).map { "\($0)" })
        #expect(Set(all.map(\.thread)).count == 1)
        #expect(all[0].thread != UInt(pthread_self()))
        for (index, least) in [(0, 20), (2, 40), (3, 60), (4, 100)] {
            #expect(all[index].at - began >= .milliseconds(least))
        }
        await loop.shutdown()
    }

    @Test func `after the loop has ended no timer runs, and what it kept alive is gone`() async throws {
        final class Kept: Sendable {}
        let loop = try MQTTLoop()
        let hasRun = Mutex(false)
        weak var kept: Kept?
        do {
            let object = Kept()
            kept = object
            loop.schedule(after: .milliseconds(1)) { hasRun.withLock { $0 = true } }
            try await eventually("the first one runs") { hasRun.withLock { $0 } }
            loop.schedule(after: .seconds(60)) { _ = object }
        }
        #expect(kept != nil)
        await loop.shutdown()
        #expect(kept == nil)
    }
}

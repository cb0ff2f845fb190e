import NIOCore
import Synchronization
import TestWaiting
import Testing

@testable import PushVendors

@Suite(.timeLimit(.minutes(1))) struct SharedDeadlinesTests {
    private let deadlines = SharedDeadlines()

    @Test func `work that is done in time is left alone, what hangs is cancelled soon after its deadline`() async {
        let start = ContinuousClock.now
        async let quick = deadlines.run(until: .now() + .seconds(30)) { "quick" }
        async let hanging = deadlines.run(until: .now() + .milliseconds(300)) {
            await Gate().waitUntilOpen()
            return Task.isCancelled ? "cancelled" : "hung"
        }
        #expect(await quick == "quick")
        #expect(await hanging == "cancelled")
        let took = ContinuousClock.now - start
        #expect(took >= .milliseconds(300) && took < .seconds(10))
    }

    @Test func `deadlines are kept again after a time without any`() async throws {
        // The one who looks ends with the last work there is.
        for _ in 0..<2 {
            let ending = await deadlines.run(until: .now()) {
                await Gate().waitUntilOpen()
                return Task.isCancelled
            }
            #expect(ending)
        }
    }
}

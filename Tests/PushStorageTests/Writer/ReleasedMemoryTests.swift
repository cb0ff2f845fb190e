import PushCore
import Testing

@testable import PushStorage

@Suite struct ReleasedMemoryTests {
    @Test func `the store works on after it let go of its memory`() async throws {
        let store = try await TestStore()
        let ann = try await store.account("ann")
        for number in 0..<20 {
            try await store.send("m\(number)", to: ann.id)
            store.storage.releaseMemory()
            let page = try await store.inbox(ann)
            #expect(page.items.map(\.message.id) == (0...number).map { "m\($0)" })
        }
        store.storage.close()
        store.storage.releaseMemory()
    }
}

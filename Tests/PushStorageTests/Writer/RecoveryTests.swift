import Foundation
import GRDB
import PushCore
import Testing

@testable import PushStorage

@Suite struct RecoveryTests {
    /// A copy of the database and its write-ahead log as a killed process leaves them.
    private func copy(_ store: TestStore) throws -> String {
        let path = store.directory.appendingPathComponent("copy-\(UUID().uuidString).db").path
        for suffix in ["", "-wal"] where FileManager.default.fileExists(atPath: store.path + suffix) {
            try FileManager.default.copyItem(atPath: store.path + suffix, toPath: path + suffix)
        }
        return path
    }

    @Test func `what was answered is there after a crash, and seq goes on`() async throws {
        let store = try await TestStore()
        let bob = try await store.account("bob")
        for number in 0..<50 { try await store.send("m\(number)", to: bob.id) }
        let storage = try TestStore.open(copy(store), clock: store.clock)
        defer { storage.close() }
        #expect(storage.feed.head == 50)
        let page = try await storage.inbox(of: bob.key, after: 0, limit: 500)
        #expect(page.items.map(\.entry.seq) == Array(1...50) && page.head == 50)
        _ = try await storage.accept(
            store.message(#"{"id":"n","to":"\#(bob.id)","type":0,"content":{"text":"t"}}"#),
            from: store.appPrincipal)
        #expect(try await storage.inbox(of: bob.key, after: 50, limit: 5).items.map(\.entry.seq) == [51])
        #expect(storage.app(id: "app_one")?.signingKey == "signing-key-in-clear")
    }

    @Test func `a copy taken while others write holds everything that was answered before`() async throws {
        let store = try await TestStore()
        let bob = try await store.account("bob")
        for number in 0..<20 { try await store.send("m\(number)", to: bob.id) }
        let more = Task { for number in 20..<60 { try await store.send("m\(number)", to: bob.id) } }
        // The main file only changes at a checkpoint, which this little data does not reach.
        let path = try copy(store)
        try await more.value
        let storage = try TestStore.open(path, clock: store.clock)
        defer { storage.close() }
        let page = try await storage.inbox(of: bob.key, after: 0, limit: 500)
        #expect(page.head >= 20 && page.items.map(\.entry.seq) == Array(1...page.head))
    }

    @Test func `another master key is refused at start`() async throws {
        let store = try await TestStore()
        let path = try copy(store)
        #expect(throws: StorageFault.self) {
            try TestStore.open(path, masterKey: [UInt8](repeating: 8, count: 32))
        }
    }
}

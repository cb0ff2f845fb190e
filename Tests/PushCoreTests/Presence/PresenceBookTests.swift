import PushCore
import Synchronization
import Testing

@Suite struct PresenceBookTests {
    private func connection(_ number: UInt64, _ device: String = "dev_a", at: Milliseconds = 0) -> DeviceConnection {
        DeviceConnection(connection: number, deviceID: device, at: at)
    }

    /// A book whose doubt is over, with what was reported gone.
    private func certainBook(_ connections: [DeviceConnection]) -> (PresenceBook, Reported) {
        let book = PresenceBook()
        let reported = Reported()
        book.onDisconnect { gone in reported.names.withLock { $0 += gone } }
        #expect(book.endDoubt(book.snapshot(connections)))
        return (book, reported)
    }

    final class Reported: Sendable {
        let names = Mutex<[String]>([])
    }

    @Test func `at a takeover the device stays connected`() {
        let (book, reported) = certainBook([connection(1)])
        book.apply([.connected(connection(2)), .disconnected(connection(1))])
        #expect(book.isConnected("dev_a"))
        #expect(reported.names.withLock { $0 } == [])
        book.apply([.disconnected(connection(2))])
        #expect(!book.isConnected("dev_a"))
        #expect(reported.names.withLock { $0 } == ["dev_a"])
    }

    @Test func `a late disconnect of an older connection does not sign out`() {
        let (book, _) = certainBook([])
        book.apply([.connected(connection(5)), .disconnected(connection(4))])
        #expect(book.isConnected("dev_a"))
    }

    @Test func `in doubt everybody counts as connected and nobody is shown as such`() {
        let book = PresenceBook()
        #expect(book.isConnected("dev_x"))
        #expect(book.connectedSince("dev_x") == nil)
        let doubt = book.snapshot([])
        #expect(book.isConnected("dev_x"))
        #expect(book.endDoubt(doubt))
        #expect(!book.isConnected("dev_x"))
    }

    @Test func `an older doubt's end does not end a newer one`() {
        let book = PresenceBook()
        let first = book.snapshot([])
        book.lost()
        #expect(!book.endDoubt(first))
        let second = book.snapshot([])
        #expect(book.endDoubt(second))
    }

    @Test func `a snapshot that lacks a device reports it gone`() {
        let (book, reported) = certainBook([connection(1), connection(2, "dev_b")])
        book.snapshot([connection(2, "dev_b")])
        #expect(reported.names.withLock { $0 } == ["dev_a"])
        #expect(book.connectedCount == 1)
    }

    @Test func `the background state ends with the connection`() {
        let (book, _) = certainBook([connection(1)])
        book.setBackground(true, deviceID: "dev_a")
        #expect(book.isInBackground("dev_a"))
        book.apply([.disconnected(connection(1)), .connected(connection(2))])
        #expect(!book.isInBackground("dev_a"))
    }

    @Test func `a connection told twice ends once`() {
        let (book, reported) = certainBook([connection(1)])
        book.apply([.connected(connection(1)), .disconnected(connection(1))])
        #expect(!book.isConnected("dev_a"))
        #expect(reported.names.withLock { $0 } == ["dev_a"])
    }
}

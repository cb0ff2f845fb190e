import Testing

@testable import PushGateClient

@Suite struct PositionTests {
    private func entry(_ seq: Int64) throws -> Entry {
        try Entry(bytes: Array("{\"id\":\"m\(seq)\",\"seq\":\(seq)}".utf8), channel: .inbox)
    }

    @Test func `what is too early waits for what is before it`() throws {
        var position = ChannelPosition(last: 4)
        #expect(position.place(of: 4) == .repeated)
        #expect(position.place(of: 5) == .next)
        #expect(position.place(of: 7) == .early)
        position.keep(try entry(7), at: 7)
        #expect(position.isBehind)
        #expect(position.next == nil)
        #expect(position.advance(to: 5) == false)
        #expect(position.advance(to: 6) == false)
        #expect(position.next?.id == "m7")
        #expect(position.advance(to: 7) == true)
        #expect(!position.isBehind)
    }

    @Test func `of many early entries only the number of the highest is kept`() throws {
        var position = ChannelPosition(last: 0)
        for seq in Int64(2)...1000 { position.keep(try entry(seq), at: seq) }
        #expect(position.highest == 1000)
        for seq in Int64(1)...129 { _ = position.advance(to: seq) }
        #expect(position.next == nil)
        #expect(position.isBehind)
    }

    @Test func `the oldest of what was seen is forgotten first`() {
        var seen = SeenEntries(max: 3)
        for number in 1...5 { seen.insert(EntryKey(id: "m\(number)", revision: 0)) }
        #expect(seen.oldestFirst.map(\.id) == ["m3", "m4", "m5"])
        #expect(!seen.contains(EntryKey(id: "m2", revision: 0)))
        seen.remove(EntryKey(id: "m4", revision: 0))
        seen.insert(EntryKey(id: "m6", revision: 0))
        seen.insert(EntryKey(id: "m6", revision: 0))
        seen.insert(EntryKey(id: "m7", revision: 0))
        #expect(seen.oldestFirst.map(\.id) == ["m5", "m6", "m7"])
    }

    @Test func `a request is due again after twice the time, up to a minute`() {
        let start = ContinuousClock.now
        var table = RequestTable()
        table.add(
            "1",
            .init(
                operation: "sync", payload: [], purpose: .sync(after: 0, broadcastAfter: 0), deadline: nil,
                repeatAt: start + .seconds(5), repeatAfter: .seconds(10)))
        #expect(table.takeDue(now: start + .seconds(4)).count == 0)
        var gaps: [Duration] = []
        var now = start
        for _ in 0..<6 {
            guard let due = table.nextDue(isConnected: true) else { break }
            gaps.append(due - now)
            now = due
            #expect(table.takeDue(now: now).count == 1)
        }
        #expect(gaps == [.seconds(5), .seconds(10), .seconds(20), .seconds(40), .seconds(60), .seconds(60)])
        #expect(table.nextDue(isConnected: false) == nil)
        #expect(table.takeExpired(now: now + .seconds(3600)).count == 0)
    }
}

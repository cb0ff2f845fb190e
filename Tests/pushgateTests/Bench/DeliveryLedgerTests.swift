import Testing

@testable import pushgate

@Suite("Counting what arrives")
struct DeliveryLedgerTests {
    private func ledger(receivers: Int, messages: Int, isToAll: Bool, accepted: Bool = true) -> DeliveryLedger {
        let ledger = DeliveryLedger(receivers: receivers, isToAll: isToAll)
        ledger.sent(0..<messages) { isToAll ? .all : .one($0 % receivers) }
        ledger.answered(0..<messages, isAccepted: accepted)
        return ledger
    }

    @Test func `everything arrives once`() {
        let ledger = ledger(receivers: 3, messages: 7, isToAll: false)
        for number in 0..<7 { ledger.received(number, by: number % 3) }
        #expect(ledger.totals == .init(delivered: 7, accepted: 7))
        #expect(ledger.outstanding == 0)
        #expect(ledger.times.arrival.count == 7 && ledger.times.answer.count == 7)
    }

    @Test func `one that does not arrive is lost`() {
        let ledger = ledger(receivers: 3, messages: 7, isToAll: false)
        for number in 0..<7 where number != 4 { ledger.received(number, by: number % 3) }
        #expect(ledger.totals == .init(delivered: 6, lost: 1, accepted: 7))
        #expect(ledger.outstanding == 1)
    }

    @Test func `one that arrives again is doubled, and no other is counted for it`() {
        let ledger = ledger(receivers: 3, messages: 2, isToAll: false)
        ledger.received(0, by: 0)
        ledger.received(0, by: 0)
        #expect(ledger.totals == .init(delivered: 1, lost: 1, doubled: 1, accepted: 2))
    }

    @Test func `one that arrives at somebody else is too many there and missing here`() {
        let ledger = ledger(receivers: 3, messages: 1, isToAll: false)
        ledger.received(0, by: 2)
        #expect(ledger.totals == .init(delivered: 0, lost: 1, doubled: 1, accepted: 1))
    }

    @Test func `one that nobody sent is too many`() {
        let ledger = ledger(receivers: 3, messages: 1, isToAll: false)
        ledger.received(0, by: 0)
        ledger.received(9, by: 0)
        #expect(ledger.totals == .init(delivered: 1, doubled: 1, accepted: 1))
    }

    @Test(arguments: [1, 63, 64, 65, 500]) func `a group's copies are told apart by member`(members: Int) {
        let ledger = ledger(receivers: members, messages: 2, isToAll: true)
        for member in 0..<members {
            ledger.received(0, by: member)
            if member != members - 1 { ledger.received(1, by: member) }
        }
        #expect(ledger.totals == .init(delivered: 2 * members - 1, lost: 1, accepted: 2))
        ledger.received(0, by: members - 1)
        #expect(ledger.totals.doubled == 1)
    }

    @Test func `what was refused, or never answered, is not lost`() {
        let ledger = DeliveryLedger(receivers: 1, isToAll: false)
        ledger.sent(0..<3) { _ in .one(0) }
        ledger.answered(0..<1, isAccepted: true)
        ledger.answered(1..<2, isAccepted: false)
        ledger.received(0, by: 0)
        #expect(ledger.totals == .init(delivered: 1, accepted: 1, refused: 2))
        #expect(ledger.outstanding == 1)
    }

    @Test func `an arrival before the answer counts`() {
        let ledger = DeliveryLedger(receivers: 1, isToAll: false)
        ledger.sent(0..<1) { _ in .one(0) }
        ledger.received(0, by: 0)
        ledger.answered(0..<1, isAccepted: true)
        #expect(ledger.totals == .init(delivered: 1, accepted: 1))
    }

    @Test func `waiting ends when everything is there`() async throws {
        let ledger = ledger(receivers: 1, messages: 1, isToAll: false)
        ledger.received(0, by: 0)
        try await ledger.waitForArrivals(quiet: .seconds(600))
    }
}

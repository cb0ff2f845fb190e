import Testing

@testable import pushgate

/// A ledger that cannot find anything would pass every run.
@Suite struct LedgerTests {
    /// Two accounts with a device each that connects, a third whose phone is away; message 1 from an app to all.
    private func ledger(_ lines: [LedgerLine], without: [LedgerLine] = [], pushes: [String]? = nil) -> LedgerReport {
        var ledger = Ledger()
        let given: [LedgerLine] = [
            .device(index: 0, account: 0, kind: .connects, token: nil),
            .device(index: 1, account: 1, kind: .connects, token: "token-1"),
            .device(index: 2, account: 2, kind: .away, token: "token-2"),
            .attempt(message: 1, sender: nil, author: nil, accounts: [0, 1, 2]),
            .accepted(message: 1, at: 1000),
            .received(device: 0, message: 1, revision: 0, seq: 1),
            .received(device: 1, message: 1, revision: 0, seq: 1),
            .entry(account: 0, seq: 1, message: 1), .entry(account: 1, seq: 1, message: 1),
            .entry(account: 2, seq: 1, message: 1),
            .position(device: 0, last: 1, repeats: 0, missing: 0, rewinds: 0),
            .position(device: 1, last: 1, repeats: 0, missing: 0, rewinds: 0),
        ]
        let texts = without.map(\.text)
        for line in given + lines where !texts.contains(line.text) {
            // As the process gets it.
            if let told = LedgerLine(line.text) { ledger.take(told) } else { ledger.couldNotRead() }
        }
        for push in pushes ?? ["fcm\ttoken-2\ttorture-1\t1\tkey"] {
            if let push = PushLine(push) { ledger.take(push) }
        }
        return LedgerReport(ledger)
    }

    private func expect(
        _ report: LedgerReport, _ expected: [LedgerReport.Fault: Int], _ location: SourceLocation = #_sourceLocation
    ) {
        for fault in LedgerReport.Fault.allCases {
            #expect(
                report.count(fault) == expected[fault] ?? 0, "\(fault): \(report.findings.map(\.text))",
                sourceLocation: location)
        }
    }

    @Test func `a run without faults has none`() {
        let report = ledger([])
        expect(report, [:])
        #expect(report.attempted == 1 && report.accepted == 1 && report.handedOver == 2 && report.pushed == 1)
        #expect(report.rawDuplicates == 0)
    }

    @Test func `what an accepted message misses is lost, stuck or falsely acknowledged`() {
        let received = LedgerLine.received(device: 1, message: 1, revision: 0, seq: 1)
        expect(ledger([], without: [received]), [.lost: 1])
        expect(
            ledger(
                [], without: [received, .position(device: 1, last: 1, repeats: 0, missing: 0, rewinds: 0)]),
            [.stuck: 1])
        expect(ledger([], pushes: []), [.stuck: 1])
        expect(ledger([], without: [.entry(account: 1, seq: 1, message: 1)]), [.falselyAcknowledged: 1])
        expect(
            ledger([.position(device: 0, last: 1, repeats: 0, missing: 0, rewinds: 1)]), [.falselyAcknowledged: 1])
        expect(ledger([.position(device: 0, last: 1, repeats: 0, missing: 3, rewinds: 0)]), [.lost: 1])
    }

    @Test func `a message that was never answered is there as a whole or not at all`() {
        expect(ledger([.attempt(message: 2, sender: nil, author: nil, accounts: [0, 1])]), [:])
        let half: [LedgerLine] = [
            .attempt(message: 2, sender: nil, author: nil, accounts: [0, 1]), .entry(account: 0, seq: 2, message: 2),
        ]
        expect(ledger(half), [.lost: 1])
        expect(ledger(half + [.entry(account: 1, seq: 2, message: 2)]), [:])
    }

    @Test func `a gap in an inbox is lost`() {
        expect(
            ledger([
                .attempt(message: 2, sender: nil, author: nil, accounts: [0]), .entry(account: 0, seq: 3, message: 2),
            ]),
            [.lost: 1])
    }

    @Test func `twice at a device, in an inbox or at a vendor is a visible duplicate`() {
        expect(ledger([.received(device: 0, message: 1, revision: 0, seq: 2)]), [.visibleDuplicate: 1])
        expect(ledger([.entry(account: 0, seq: 2, message: 1)]), [.visibleDuplicate: 1])
        let push = "fcm\ttoken-2\ttorture-1\t1\t"
        expect(ledger([], pushes: [push, push]), [.visibleDuplicate: 1])
        // The same key takes the first one's place; what nobody sees does not count.
        let replaced = ledger([], pushes: [push + "a", push + "a", "fcm\ttoken-2\ttorture-1\t0\tb"])
        expect(replaced, [:])
        #expect(replaced.rawDuplicates == 1)
        let repeated = LedgerLine.position(device: 0, last: 1, repeats: 7, missing: 0, rewinds: 0)
        #expect(ledger([repeated]).rawDuplicates == 7)
    }

    @Test func `what reaches somebody else, or its own sender's phone, is unexpected`() {
        let single: [LedgerLine] = [
            .attempt(message: 2, sender: 0, author: 0, accounts: [0, 1]), .accepted(message: 2, at: 1),
            .entry(account: 0, seq: 2, message: 2), .entry(account: 1, seq: 2, message: 2),
            .received(device: 1, message: 2, revision: 0, seq: 2),
            .position(device: 1, last: 2, repeats: 0, missing: 0, rewinds: 0),
        ]
        expect(ledger(single), [:])
        expect(ledger(single + [.entry(account: 2, seq: 2, message: 2)]), [.unexpected: 1])
        expect(ledger(single + [.received(device: 2, message: 2, revision: 0, seq: 2)]), [.unexpected: 1])
        let pushed = "fcm\ttoken-2\ttorture-1\t1\tkey"
        expect(ledger(single, pushes: [pushed, "fcm\ttoken-2\ttorture-2\t1\tk"]), [.unexpected: 1])
        expect(
            ledger(
                [
                    .attempt(message: 3, sender: nil, author: 2, accounts: [2, 0]), .accepted(message: 3, at: 1),
                    .entry(account: 2, seq: 2, message: 3), .entry(account: 0, seq: 2, message: 3),
                    .received(device: 0, message: 3, revision: 0, seq: 2),
                ], pushes: [pushed, "fcm\ttoken-2\ttorture-3\t1\tk"]), [.unexpected: 1])
        expect(ledger([.received(device: 0, message: 9, revision: 0, seq: 2)]), [.unexpected: 1])
    }

    @Test func `a refusal of a good message is a fault, and twice so when it is there all the same`() {
        let refused: [LedgerLine] = [
            .attempt(message: 2, sender: nil, author: nil, accounts: [0]), .refused(message: 2, code: "not_found"),
        ]
        expect(ledger(refused), [.refused: 1])
        expect(ledger(refused + [.entry(account: 0, seq: 2, message: 2)]), [.refused: 1, .unexpected: 1])
    }

    @Test func `the choices are those of the seed`() {
        let first = TorturePlan.short.schedule(seed: 7).map { "\($0.fault) \($0.number)" }
        #expect(first == TorturePlan.short.schedule(seed: 7).map { "\($0.fault) \($0.number)" })
        #expect(first != TorturePlan.short.schedule(seed: 8).map { "\($0.fault) \($0.number)" })
        #expect(first.count == TorturePlan.short.counts.values.reduce(0, +))
    }
}

import Testing

@testable import pushgate

/// A ledger that cannot find anything would pass every run.
@Suite struct LedgerTests {
    /// Two accounts with a device each that connects, a third whose phone is away; message 1 from an app to all.
    private func ledger(_ lines: [LedgerLine], without: [LedgerLine] = [], pushes: [String]? = nil) -> LedgerReport {
        var ledger = Ledger()
        let given: [LedgerLine] = [
            .device(index: 0, account: 0, kind: .connects, tokens: []),
            .device(index: 1, account: 1, kind: .connects, tokens: ["token-1"]),
            .device(index: 2, account: 2, kind: .away, tokens: ["token-2", "token-3"]),
            .attempt(message: 1, sender: nil, author: nil, accounts: [0, 1, 2]),
            .accepted(message: 1, at: 1000),
            received(0, 1, at: 1),
            received(1, 1, at: 1),
            entry(0, 1, 1), entry(1, 1, 1),
            entry(2, 1, 1),
            .position(device: 0, last: 1, lastBroadcast: 0, repeats: 0, missing: 0, rewinds: 0),
            .position(device: 1, last: 1, lastBroadcast: 0, repeats: 0, missing: 0, rewinds: 0),
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

    private func received(
        _ device: Int, _ message: Int, at seq: Int64, revision: Int64 = 0, _ form: EntryForm = .content(edit: 0)
    ) -> LedgerLine {
        .received(device: device, message: message, revision: revision, seq: seq, form: form)
    }

    private func entry(
        _ account: Int, _ seq: Int64, _ message: Int?, revision: Int64 = 0, _ form: EntryForm = .content(edit: 0)
    ) -> LedgerLine {
        .entry(place: .inbox(account: account), seq: seq, message: message, revision: revision, form: form)
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
        let received = received(1, 1, at: 1)
        expect(ledger([], without: [received]), [.lost: 1])
        expect(
            ledger(
                [],
                without: [
                    received, .position(device: 1, last: 1, lastBroadcast: 0, repeats: 0, missing: 0, rewinds: 0),
                ]),
            [.stuck: 1])
        expect(ledger([], pushes: []), [.stuck: 1])
        expect(ledger([], without: [entry(1, 1, 1)]), [.falselyAcknowledged: 1])
        expect(
            ledger([.position(device: 0, last: 1, lastBroadcast: 0, repeats: 0, missing: 0, rewinds: 1)]),
            [.falselyAcknowledged: 1])
        expect(
            ledger([.position(device: 0, last: 1, lastBroadcast: 0, repeats: 0, missing: 3, rewinds: 0)]), [.lost: 1])
    }

    @Test func `a message that was never answered is there as a whole or not at all`() {
        expect(ledger([.attempt(message: 2, sender: nil, author: nil, accounts: [0, 1])]), [:])
        let half: [LedgerLine] = [
            .attempt(message: 2, sender: nil, author: nil, accounts: [0, 1]), entry(0, 2, 2),
        ]
        expect(ledger(half), [.lost: 1])
        expect(ledger(half + [entry(1, 2, 2)]), [:])
    }

    @Test func `a gap in an inbox is lost`() {
        expect(
            ledger([
                .attempt(message: 2, sender: nil, author: nil, accounts: [0]), entry(0, 3, 2),
            ]),
            [.lost: 1])
    }

    @Test func `twice at a device, in an inbox or at a vendor is a visible duplicate`() {
        expect(ledger([received(0, 1, at: 2)]), [.visibleDuplicate: 1])
        expect(ledger([entry(0, 2, 1)]), [.visibleDuplicate: 1])
        let push = "fcm\ttoken-2\ttorture-1\t1\t"
        expect(ledger([], pushes: [push, push]), [.visibleDuplicate: 1])
        // The same key takes the first one's place; what nobody sees does not count.
        let replaced = ledger([], pushes: [push + "a", push + "a", "fcm\ttoken-2\ttorture-1\t0\tb"])
        expect(replaced, [:])
        #expect(replaced.rawDuplicates == 1)
        let repeated = LedgerLine.position(device: 0, last: 1, lastBroadcast: 0, repeats: 7, missing: 0, rewinds: 0)
        #expect(ledger([repeated]).rawDuplicates == 7)
    }

    @Test func `what reaches somebody else, or its own sender's phone, is unexpected`() {
        let single: [LedgerLine] = [
            .attempt(message: 2, sender: 0, author: 0, accounts: [0, 1]), .accepted(message: 2, at: 1),
            entry(0, 2, 2), entry(1, 2, 2),
            received(1, 2, at: 2),
            .position(device: 1, last: 2, lastBroadcast: 0, repeats: 0, missing: 0, rewinds: 0),
        ]
        expect(ledger(single), [:])
        expect(ledger(single + [entry(2, 2, 2)]), [.unexpected: 1])
        expect(ledger(single + [received(2, 2, at: 2)]), [.unexpected: 1])
        let pushed = "fcm\ttoken-2\ttorture-1\t1\tkey"
        expect(ledger(single, pushes: [pushed, "fcm\ttoken-2\ttorture-2\t1\tk"]), [.unexpected: 1])
        expect(
            ledger(
                [
                    .attempt(message: 3, sender: nil, author: 2, accounts: [2, 0]), .accepted(message: 3, at: 1),
                    entry(2, 2, 3), entry(0, 2, 3),
                    received(0, 3, at: 2),
                ], pushes: [pushed, "fcm\ttoken-2\ttorture-3\t1\tk"]), [.unexpected: 1])
        expect(ledger([received(0, 9, at: 2)]), [.unexpected: 1])
    }

    @Test func `a refusal of a good message is a fault, and twice so when it is there all the same`() {
        let refused: [LedgerLine] = [
            .attempt(message: 2, sender: nil, author: nil, accounts: [0]), .refused(message: 2, code: "not_found"),
        ]
        expect(ledger(refused), [.refused: 1])
        expect(ledger(refused + [entry(0, 2, 2)]), [.refused: 1, .unexpected: 1])
    }

    /// Message 2 from an app to accounts 0 and 1, as they have it after one edit.
    private var edited: [LedgerLine] {
        [
            .attempt(message: 2, sender: nil, author: nil, accounts: [0, 1]), .accepted(message: 2, at: 1),
            .editing(message: 2, edit: 1), .edited(message: 2, edit: 1),
        ]
            + (0...1).flatMap { account in
                [
                    entry(account, 2, 2, .superseded), entry(account, 3, 2, revision: 1, .content(edit: 1)),
                    received(account, 2, at: 2), received(account, 2, at: 3, revision: 1, .content(edit: 1)),
                    .position(device: account, last: 3, lastBroadcast: 0, repeats: 0, missing: 0, rewinds: 0),
                ]
            }
    }

    @Test func `an edited message ends at its last accepted edit everywhere`() {
        expect(ledger(edited), [:])
        // Tried and not answered: it may be there or not.
        expect(ledger(edited + [.editing(message: 2, edit: 2)]), [:])
        expect(
            ledger(edited + [.editing(message: 2, edit: 2), .edited(message: 2, edit: 2)]),
            [.falselyAcknowledged: 2, .stuck: 2])
        expect(
            ledger(edited, without: [received(1, 2, at: 3, revision: 1, .content(edit: 1))]), [.lost: 1, .stuck: 1])
        expect(
            ledger(
                edited.map {
                    $0 == entry(0, 2, 2, .superseded) ? entry(0, 2, 2) : $0
                }), [.unexpected: 1])
        expect(ledger(edited + [received(0, 2, at: 4, revision: 1, .content(edit: 1))]), [.visibleDuplicate: 1])
        expect(ledger(edited + [.changeRefused(message: 2, code: "not_found")]), [.refused: 1])
    }

    @Test func `a revoked message is not to be read any more`() {
        let message: [LedgerLine] = [
            .attempt(message: 2, sender: nil, author: nil, accounts: [0, 1]), .accepted(message: 2, at: 1),
            .revoking(message: 2), .revoked(message: 2), entry(0, 2, 2, .revoked), entry(1, 2, 2, .revoked),
            received(0, 2, at: 2), received(1, 2, at: 2, .revoked),
            .position(device: 0, last: 2, lastBroadcast: 0, repeats: 0, missing: 0, rewinds: 0),
            .position(device: 1, last: 2, lastBroadcast: 0, repeats: 0, missing: 0, rewinds: 0),
        ]
        // One device had it and was told, the other one was given nothing to read.
        expect(ledger(message + [.withdrawn(device: 0, message: 2)]), [:])
        expect(ledger(message), [.unexpected: 1])
        let readable = message.map { $0 == entry(0, 2, 2, .revoked) ? entry(0, 2, 2) : $0 }
        expect(ledger(readable + [.withdrawn(device: 0, message: 2)]), [.unexpected: 1])
        // Who is away is pushed only what was not revoked before.
        let away: [LedgerLine] = [
            .attempt(message: 2, sender: nil, author: nil, accounts: [2]), .accepted(message: 2, at: 1),
            entry(2, 2, 2, .revoked),
        ]
        expect(ledger(away), [.stuck: 1])
        expect(ledger(away + [.revoking(message: 2), .revoked(message: 2)]), [:])
    }

    @Test func `a broadcast reaches every device of its tenant`() {
        let place = LedgerLine.Place.broadcasts(tenant: 0)
        let broadcast: [LedgerLine] = [
            .broadcast(message: 2, tenant: 0, accounts: [0, 1, 2]), .accepted(message: 2, at: 1),
            .entry(place: place, seq: 1, message: 2, revision: 0, form: .content(edit: 0)),
            received(0, 2, at: 1), received(1, 2, at: 1),
            .position(device: 0, last: 1, lastBroadcast: 1, repeats: 0, missing: 0, rewinds: 0),
            .position(device: 1, last: 1, lastBroadcast: 1, repeats: 0, missing: 0, rewinds: 0),
        ]
        let pushes = ["fcm\ttoken-2\ttorture-1\t1\tkey", "fcm\ttoken-2\ttorture-2\t1\tkey2"]
        expect(ledger(broadcast, pushes: pushes), [:])
        expect(ledger(broadcast), [.stuck: 1])
        expect(ledger(broadcast, without: [received(1, 2, at: 1)], pushes: pushes), [.lost: 1])
        expect(
            ledger(
                broadcast,
                without: [.entry(place: place, seq: 1, message: 2, revision: 0, form: .content(edit: 0))],
                pushes: pushes), [.falselyAcknowledged: 1])
        expect(
            ledger(
                broadcast + [
                    .entry(place: .broadcasts(tenant: 1), seq: 1, message: 2, revision: 0, form: .content(edit: 0))
                ],
                pushes: pushes), [.unexpected: 1])
    }

    @Test func `a notification on a second token of the same phone is a visible duplicate`() {
        let first = "fcm\ttoken-2\ttorture-1\t1\tkey"
        expect(ledger([], pushes: ["webhook\ttoken-3\ttorture-1\t1\tkey"]), [:])
        expect(ledger([], pushes: [first, "webhook\ttoken-3\ttorture-1\t1\tkey"]), [.visibleDuplicate: 1])
    }

    @Test func `every line is read as it was written`() {
        let lines: [LedgerLine] = [
            .device(index: 1, account: 2, kind: .away, tokens: []),
            .device(index: 1, account: 2, kind: .connects, tokens: ["a", "b"]),
            .attempt(message: 1, sender: 2, author: nil, accounts: [3, 4]),
            .broadcast(message: 1, tenant: 2, accounts: [3]), .accepted(message: 1, at: 2),
            .refused(message: 1, code: "not_found"), .editing(message: 1, edit: 2), .edited(message: 1, edit: 2),
            .revoking(message: 1), .revoked(message: 1), .changeRefused(message: 1, code: "not_found"),
            received(1, 2, at: 3, revision: 4, .superseded), .withdrawn(device: 1, message: 2),
            .position(device: 1, last: 2, lastBroadcast: 3, repeats: 4, missing: 5, rewinds: 6),
            entry(1, 2, nil, .empty), entry(1, 2, 3, revision: 4, .content(edit: 5)),
            .entry(place: .broadcasts(tenant: 1), seq: 2, message: 3, revision: 0, form: .expired),
            .end(pushes: "/a folder/pushes.tsv"),
        ]
        for line in lines { #expect(LedgerLine(line.text) == line) }
        for text in ["", "D", "D 1 2 connects", "A 1 2 3", "R 1 2 3 4 -9", "I i 1 2 3 4", "Q 1"] {
            #expect(LedgerLine(text) == nil, "\(text)")
        }
    }

    @Test func `the choices are those of the seed`() {
        let first = TorturePlan.short.schedule(seed: 7).map { "\($0.fault) \($0.number)" }
        #expect(first == TorturePlan.short.schedule(seed: 7).map { "\($0.fault) \($0.number)" })
        #expect(first != TorturePlan.short.schedule(seed: 8).map { "\($0.fault) \($0.number)" })
        // Vendors go wrong beside the others.
        let counts = TorturePlan.short.counts.filter { $0.key != .vendor }
        #expect(first.count == counts.values.reduce(0, +))
        #expect(Set(TorturePlan.short.counts.keys) == Set(TorturePlan.Fault.allCases))
        #expect(Set(TorturePlan.full.counts.keys) == Set(TorturePlan.Fault.allCases))
    }
}

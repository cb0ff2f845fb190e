import PushGateClient

/// What a run says at its end.
struct TortureResult {
    let seed: UInt64
    let plan: TorturePlan
    let done: [TorturePlan.Fault: Int]
    let skipped: [TorturePlan.Fault: String]
    /// The ledger's.
    let report: JSONValue
    /// Of messages with a finding, by id.
    let traces: [String: JSONValue]
    let sending: TortureLoad.Counters
    let devices: [TortureDevice]
    let lastRepeat: String
    let settlement: Duration
    /// From the first message to the last fault.
    let sendingSeconds: Int
    let seconds: Int

    private func count(_ name: String) -> Int { Int(report[name]?.integer ?? 0) }
    private func count(_ fault: LedgerReport.Fault) -> Int {
        Int(report["counts"]?[fault.rawValue]?.integer ?? -1)
    }

    /// Messages and changes without an answer when the senders gave up.
    private var unanswered: Int { sending.underWay + sending.changing }

    var isGood: Bool {
        unanswered == 0 && count("accepted") > 0 && LedgerReport.Fault.allCases.allSatisfy { count($0) == 0 }
    }

    /// Markdown, followed by what was found.
    var table: String {
        var rows = [("fault under load", "times"), ("---", "---")]
        for fault in TorturePlan.Fault.allCases where plan.counts[fault] ?? 0 > 0 {
            rows.append((plan.title(fault), skipped[fault].map { "skipped: \($0)" } ?? "\(done[fault] ?? 0)"))
        }
        let comings = devices.map(\.comings)
        rows += [
            (
                "devices vanish or leave and come back, throughout",
                "\(comings.reduce(0) { $0 + $1.left }) times"
            ),
            (
                "devices connect anew beside their old connection, throughout",
                "\(comings.reduce(0) { $0 + $1.switched }) times"
            ),
            ("devices that read slowly, throughout", "\(devices.count { $0.behaviour == .readsSlowly })"),
            ("devices that never acknowledge, throughout", "\(devices.count { $0.behaviour == .neverAcknowledges })"),
        ]
        let seconds = max(1, sendingSeconds)
        let results =
            [
                ("counted by the ledger", ""), ("---", "---"),
                ("accepted (of them broadcasts)", "\(count("accepted")) (\(sending.broadcasts))"),
                ("accepted a second, faults included", "\(count("accepted") / seconds)"),
                ("edits, revokes", "\(sending.edited), \(sending.revoked)"),
                ("tries that had to be repeated", "\(sending.repeated)"),
                ("handed over by devices", "\(count("handedOver"))"), ("pushed by vendors", "\(count("pushed"))"),
                ("raw duplicates, dropped by id", "\(count("rawDuplicates"))"),
                ("quiet again after the last fault", "\(Int(settlement / .seconds(1))) s"),
            ] + LedgerReport.Fault.allCases.map { ("**\($0.rawValue)**", "**\(count($0))**") } + [
                ("**never answered**", "**\(unanswered)**")
            ]
        return
            (["seed \(seed), \(self.seconds) s", ""] + Self.markdown(rows) + [""] + Self.markdown(results) + details)
            .joined(separator: "\n")
    }

    private static func markdown(_ rows: [(String, String)]) -> [String] { rows.map { "| \($0.0) | \($0.1) |" } }

    private var details: [String] {
        var lines: [String] = []
        if unanswered > 0 { lines.append("last: \(lastRepeat)") }
        for finding in (report["findings"]?.array ?? []).prefix(40) {
            lines.append(finding.description)
            if let id = finding["id"]?.string, let trace = traces[id] { lines.append("    \(trace)") }
        }
        return lines
    }

    var json: JSONValue {
        .object([
            "seed": .number(String(seed)), "seconds": JSONValue(seconds), "good": .bool(isGood),
            "faults": .object(
                TorturePlan.Fault.allCases.map { JSONValue.Member($0.rawValue, JSONValue(done[$0] ?? 0)) }),
            "skipped": .object(
                skipped.map { JSONValue.Member($0.key.rawValue, .string($0.value)) }),
            "neverAnswered": JSONValue(unanswered), "edited": JSONValue(sending.edited),
            "revoked": JSONValue(sending.revoked), "broadcasts": JSONValue(sending.broadcasts),
            "triesRepeated": JSONValue(sending.repeated),
            "report": report,
            "traces": .object(traces.map { JSONValue.Member($0.key, $0.value) }),
        ])
    }
}

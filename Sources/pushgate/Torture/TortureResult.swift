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
    let lastRepeat: String
    let settlement: Duration
    let seconds: Int

    private func count(_ name: String) -> Int { Int(report[name]?.integer ?? 0) }
    private func count(_ fault: LedgerReport.Fault) -> Int {
        Int(report["counts"]?[fault.rawValue]?.integer ?? -1)
    }

    var isGood: Bool {
        sending.underWay == 0 && count("accepted") > 0 && LedgerReport.Fault.allCases.allSatisfy { count($0) == 0 }
    }

    var table: String {
        var lines = ["seed \(seed), \(seconds) s", ""]
        for fault in TorturePlan.Fault.allCases {
            let count = done[fault] ?? 0
            if let reason = skipped[fault] {
                lines.append("\(pad(fault.title)) skipped: \(reason)")
            } else if count > 0 {
                lines.append("\(pad(fault.title)) \(count)")
            }
        }
        lines += [
            "", "\(pad("messages tried")) \(count("attempted"))", "\(pad("accepted")) \(count("accepted"))",
            "\(pad("tries repeated")) \(sending.repeated)", "\(pad("handed over by devices")) \(count("handedOver"))",
            "\(pad("pushed")) \(count("pushed"))",
            "\(pad("settled after")) \(Int(settlement / .milliseconds(1))) ms", "",
        ]
        for fault in LedgerReport.Fault.allCases { lines.append("\(pad(fault.rawValue)) \(count(fault))") }
        lines.append("\(pad("never answered")) \(sending.underWay)")
        lines.append("\(pad("raw duplicates (dropped)")) \(count("rawDuplicates"))")
        if sending.underWay > 0 { lines.append("last: \(lastRepeat)") }
        for finding in (report["findings"]?.array ?? []).prefix(40) {
            lines.append(finding.description)
            if let id = finding["id"]?.string, let trace = traces[id] { lines.append("    \(trace)") }
        }
        return lines.joined(separator: "\n")
    }

    var json: JSONValue {
        .object([
            "seed": .number(String(seed)), "seconds": JSONValue(seconds), "good": .bool(isGood),
            "faults": .object(
                TorturePlan.Fault.allCases.map { JSONValue.Member($0.rawValue, JSONValue(done[$0] ?? 0)) }),
            "skipped": .object(
                skipped.map { JSONValue.Member($0.key.rawValue, .string($0.value)) }),
            "neverAnswered": JSONValue(sending.underWay), "triesRepeated": JSONValue(sending.repeated),
            "report": report,
            "traces": .object(traces.map { JSONValue.Member($0.key, $0.value) }),
        ])
    }

    private func pad(_ text: String) -> String {
        text.padding(toLength: 48, withPad: " ", startingAt: 0)
    }
}

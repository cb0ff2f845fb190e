/// vivo's receipts: a JSON object with a member for each task. Sent for single messages; a task of a list is reported
/// with all its tokens in `targets`.
extension VivoService: ReceiptReporter {
    var pushesPerReceipt: Int { 1000 }

    func receipt(
        _ event: ReceiptEvent, for pushes: [RecordedPush], key: ReceiptKey?, now: Int64
    ) throws(VendorSimulatorError) -> ReceiptRequest {
        let (type, detail) = try Self.types(event)
        var targets: [String: [String]] = [:]
        var tags: [String: String] = [:]
        for push in pushes {
            targets[push.vendorId, default: []].append(push.token)
            tags[push.vendorId] = push.receiptTag
        }
        var members: [String: JSONValue] = [:]
        for (task, tokens) in targets {
            var report: [String: JSONValue] = [
                "targets": .string(tokens.joined(separator: ",")), "ackTime": .string(String(now)),
                "param": .string(tags[task] ?? ""), "ackType": .string(type),
            ]
            report["subAckType"] = detail.map { .string($0) }
            members[task] = .object(report)
        }
        return ReceiptRequest(contentType: "application/json", body: JSONValue.object(members).text)
    }

    /// A status of the vendor's own is `ackType` or `ackType.subAckType`.
    private static func types(_ event: ReceiptEvent) throws(VendorSimulatorError) -> (String, String?) {
        switch event {
        case .delivered: return ("0", nil)
        case .deadToken: return ("102", "20002")
        case .limited: return ("100", "12000")
        case .expired: return ("100", "10012")
        case .replaced: return ("103", nil)
        case .vendorStatus(let status):
            let parts = status.split(separator: ".").map(String.init)
            guard (1...2).contains(parts.count), parts.allSatisfy({ Int($0) != nil }) else {
                throw .invalid("a status of vivo is ackType or ackType.subAckType")
            }
            return (parts[0], parts.count == 2 ? parts[1] : nil)
        case .clicked, .notificationsOff: throw .invalid("vivo reports no such event")
        }
    }
}

import PushGateClient

/// What came of a torture run. All but the raw duplicates must be 0.
struct LedgerReport {
    enum Fault: String, CaseIterable {
        /// Accepted, in the archive, and passed over at a device; or the archive has a gap.
        case lost
        /// At somebody who was no receiver, or refused and still there.
        case unexpected
        /// A person sees it twice: handed over twice by a device, twice in an inbox, two notifications at once.
        case visibleDuplicate = "visible duplicates"
        /// Accepted, and neither delivered nor pushed after the time to settle.
        case stuck
        /// Accepted, and not in the archive.
        case falselyAcknowledged = "falsely acknowledged"
        /// Refused although nothing was wrong with it.
        case refused
    }

    struct Finding {
        let fault: Fault
        let message: Int?
        let device: Int?
        let text: String

        init(_ fault: Fault, message: Int?, device: Int?, _ text: String) {
            self.fault = fault
            self.message = message
            self.device = device
            self.text = text
        }

        var json: JSONValue {
            .object([
                "fault": .string(fault.rawValue), "id": message.map { .string(Ledger.id(of: $0)) },
                "device": device.map { JSONValue($0) }, "text": .string(text),
            ])
        }
    }

    private(set) var findings: [Finding]
    let attempted: Int
    let accepted: Int
    private(set) var handedOver = 0
    let pushed: Int
    /// Copies that were dropped as repeats, at devices and at the vendors.
    let rawDuplicates: Int64

    init(_ ledger: Ledger) {
        attempted = ledger.messages.count
        accepted = ledger.messages.values.count { $0.acceptedAt != nil }
        pushed = ledger.pushes.count
        rawDuplicates =
            ledger.devices.values.reduce(0) { $0 + $1.repeats } + Int64(ledger.pushesShown - ledger.pushes.count)
        findings = ledger.findings
        handedOver = ledger.devices.values.reduce(0) { $0 + $1.received.count }
        if ledger.linesUnread > 0 {
            findings.append(.init(.lost, message: nil, device: nil, "\(ledger.linesUnread) lines were not understood"))
        }
        devices(ledger)
        messages(ledger)
        pushes(ledger)
    }

    func count(_ fault: Fault) -> Int { findings.count { $0.fault == fault } }

    private mutating func add(_ fault: Fault, _ message: Int?, _ device: Int?, _ text: String) {
        findings.append(Finding(fault, message: message, device: device, text))
    }

    private mutating func devices(_ ledger: Ledger) {
        for (index, device) in ledger.devices {
            if device.missing > 0 { add(.lost, nil, index, "\(device.missing) numbers were left out by the gateway") }
            if device.rewinds > 0 { add(.falselyAcknowledged, nil, index, "its inbox became shorter") }
        }
    }

    private mutating func messages(_ ledger: Ledger) {
        var devicesOf: [Int: [Int]] = [:]
        for (index, device) in ledger.devices { devicesOf[device.account, default: []].append(index) }
        for (number, message) in ledger.messages {
            let there = message.accounts.count { ledger.inboxes[$0]?.entries[number] != nil }
            if let code = message.refusal {
                add(.refused, number, nil, code)
                if there > 0 { add(.unexpected, number, nil, "refused with \(code), and in \(there) inboxes") }
                continue
            }
            guard message.acceptedAt != nil else {
                // Never answered: it may be there or not, but not by half.
                if there > 0, there < message.accounts.count {
                    add(.lost, number, nil, "in \(there) of \(message.accounts.count) inboxes")
                }
                continue
            }
            for account in message.accounts {
                guard let seq = ledger.inboxes[account]?.entries[number] else {
                    add(.falselyAcknowledged, number, nil, "not in the inbox of account \(account)")
                    continue
                }
                for index in devicesOf[account] ?? [] where index != message.sender {
                    delivery(of: number, seq: seq, to: index, ledger)
                }
            }
        }
    }

    private mutating func delivery(of number: Int, seq: Int64, to index: Int, _ ledger: Ledger) {
        guard let device = ledger.devices[index] else { return }
        switch device.kind {
        case .connects:
            guard device.received[number] == nil else { return }
            if seq <= device.last {
                add(.lost, number, index, "seq \(seq) was passed over, the device is at \(device.last)")
            } else {
                add(.stuck, number, index, "seq \(seq) has not arrived, the device is at \(device.last)")
            }
        case .away:
            // A copy of what the account itself wrote is not pushed.
            guard device.token != nil, !ledger.isSender(account: device.account, of: number),
                ledger.pushes[.init(device: index, message: number)] == nil
            else { return }
            add(.stuck, number, index, "no push has reached the vendor")
        }
    }

    private mutating func pushes(_ ledger: Ledger) {
        for (key, shown) in ledger.pushes {
            if shown.count > 1 {
                add(.visibleDuplicate, key.message, key.device, "\(shown.count) notifications beside one another")
            }
            guard let device = ledger.devices[key.device] else { continue }
            if ledger.messages[key.message]?.accounts.contains(device.account) != true {
                add(.unexpected, key.message, key.device, "pushed to a device of account \(device.account)")
            } else if ledger.isSender(account: device.account, of: key.message) {
                add(.unexpected, key.message, key.device, "pushed to its own sender")
            }
        }
    }

    /// As one line, for the process that started the ledger.
    var json: JSONValue {
        .object([
            "attempted": JSONValue(attempted), "accepted": JSONValue(accepted), "handedOver": JSONValue(handedOver),
            "pushed": JSONValue(pushed), "rawDuplicates": JSONValue(rawDuplicates),
            "counts": .object(
                Fault.allCases.map { JSONValue.Member($0.rawValue, JSONValue(count($0))) }),
            "findings": .array(findings.prefix(Self.findingsMax).map(\.json)),
        ])
    }

    private static let findingsMax = 200
}

extension Ledger {
    /// Whether a device of this account wrote the message.
    func isSender(account: Int, of message: Int) -> Bool {
        messages[message]?.author == account
    }
}

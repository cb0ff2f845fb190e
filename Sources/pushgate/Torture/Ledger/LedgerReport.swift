import PushGateClient

/// What came of a torture run. All but the raw duplicates must be 0.
struct LedgerReport {
    enum Fault: String, CaseIterable {
        /// Accepted, in the archive, and passed over at a device; or the archive has a gap.
        case lost
        /// At somebody who was no receiver, refused and still there, or to be read after it was revoked.
        case unexpected
        /// A person sees it twice: handed over twice by a device, twice in an inbox, two notifications at once.
        case visibleDuplicate = "visible duplicates"
        /// Accepted, and neither delivered nor pushed after the time to settle.
        case stuck
        /// Accepted, and not in the archive; or an edit was, and it does not say so.
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

    mutating func add(_ fault: Fault, _ message: Int?, _ device: Int?, _ text: String) {
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
            let places = message.places
            let there = places.count { ledger.logs[$0]?.entries[.init(number, 0)] != nil }
            if let code = message.refusal {
                add(.refused, number, nil, code)
                if there > 0 { add(.unexpected, number, nil, "refused with \(code), and in \(there) inboxes") }
                continue
            }
            guard message.acceptedAt != nil else {
                // Never answered: it may be there or not, but not by half.
                if there > 0, there < places.count {
                    add(.lost, number, nil, "in \(there) of \(places.count) inboxes")
                }
                continue
            }
            for place in places where ledger.logs[place]?.entries[.init(number, 0)] == nil {
                add(.falselyAcknowledged, number, nil, "not in \(place)")
            }
            for account in message.accounts {
                for index in devicesOf[account] ?? [] { delivery(of: number, message, to: index, ledger) }
            }
            if message.editTried > 0 || message.revokeTried { changes(number, message, devicesOf, ledger) }
        }
    }

    private mutating func delivery(of number: Int, _ message: Ledger.Message, to index: Int, _ ledger: Ledger) {
        guard let device = ledger.devices[index] else { return }
        switch device.kind {
        case .connects:
            let last = message.tenant == nil ? device.last : device.lastBroadcast
            let log = ledger.logs[message.place(for: device.account)]
            // A device does not hand over what it sent itself; it has it.
            for revision in Int64(index == message.sender ? 1 : 0)...Int64(max(1, message.editTried)) {
                let key = Ledger.RevisionKey(number, revision)
                guard let seq = log?.entries[key], device.received[key] == nil else { continue }
                if seq <= last {
                    add(.lost, number, index, "seq \(seq) was passed over, the device is at \(last)")
                } else {
                    add(.stuck, number, index, "seq \(seq) has not arrived, the device is at \(last)")
                }
            }
        case .away:
            // A copy of what the account itself wrote is not pushed, nor what was revoked before its turn came.
            guard !device.tokens.isEmpty, !ledger.isSender(account: device.account, of: number), !message.revokeTried,
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

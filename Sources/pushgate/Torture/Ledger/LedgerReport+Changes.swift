/// What has to be seen of messages that were edited or revoked.
extension LedgerReport {
    mutating func changes(
        _ number: Int, _ message: Ledger.Message, _ devicesOf: [Int: [Int]], _ ledger: Ledger
    ) {
        for place in message.places {
            // Missing altogether: that has been found already.
            guard ledger.logs[place]?.entries[.init(number, 0)] != nil else { continue }
            let shown = ledger.logs[place]?.changed[number] ?? []
            if message.isRevoked {
                revoked(number, at: place, shown)
            } else if !message.revokeTried {
                edited(number, message, at: place, shown)
            }
        }
        for account in message.accounts {
            for index in devicesOf[account] ?? [] { device(index, number, message, ledger) }
        }
    }

    private mutating func revoked(_ number: Int, at place: LedgerLine.Place, _ shown: [Ledger.Shown]) {
        if shown.contains(where: { $0.form != .revoked }) || !shown.contains(where: { $0.revision == 0 }) {
            add(.unexpected, number, nil, "was revoked, and \(place) shows it: \(Self.text(shown))")
        }
    }

    /// The newest revision has the content of the last edit that was answered, or of one after it that was not; the
    /// others have none.
    private mutating func edited(
        _ number: Int, _ message: Ledger.Message, at place: LedgerLine.Place, _ shown: [Ledger.Shown]
    ) {
        let newest = shown.max { $0.revision < $1.revision } ?? Ledger.asSent
        if !message.mayShow(newest.form) {
            add(
                .falselyAcknowledged, number, nil,
                "edit \(message.editAccepted) was answered, and \(place) ends at \(Self.text([newest]))")
        }
        let isOriginalSeen = newest.revision > 0 && !shown.contains { $0.revision == 0 }
        let older = shown.filter { $0.revision < newest.revision && $0.form != .superseded }
        if isOriginalSeen || !older.isEmpty {
            add(.unexpected, number, nil, "\(place) shows what was edited since: \(Self.text(older))")
        }
    }

    private mutating func device(_ index: Int, _ number: Int, _ message: Ledger.Message, _ ledger: Ledger) {
        guard let device = ledger.devices[index], device.kind == .connects else { return }
        let shown = device.changed[number]
        if message.isRevoked {
            guard !device.withdrawn.contains(number), shown?.form != .revoked else { return }
            add(.unexpected, number, index, "was revoked, and the device shows it: it heard nothing of that")
        } else if !message.revokeTried {
            // What it sent itself it shows without having been given it.
            guard !message.mayShow((shown ?? Ledger.asSent).form) else { return }
            add(
                .stuck, number, index,
                "edit \(message.editAccepted) was answered, and the device shows \(Self.text([shown ?? Ledger.asSent]))"
            )
        }
    }

    private static func text(_ shown: [Ledger.Shown]) -> String {
        shown.map { "revision \($0.revision) \($0.form)" }.joined(separator: ", ")
    }
}

extension Ledger.Message {
    /// Whether the newest revision may look like this.
    fileprivate func mayShow(_ form: EntryForm) -> Bool {
        guard case .content(let edit) = form else { return false }
        return (editAccepted...editTried).contains(edit)
    }
}

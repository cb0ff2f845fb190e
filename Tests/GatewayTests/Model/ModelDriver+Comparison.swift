import PushGateClient
import TestWaiting

/// When what is compared with the model.
extension ModelDriver {
    private typealias Check = @Sendable () async throws -> [ModelProbe.Sighting]

    private var probe: ModelProbe {
        ModelProbe(
            model: model, app: api(.app), auditors: auditors.mapValues { api(.device($0)) })
    }

    /// After each step: the inboxes that grew, entries that changed, the conversations and numbers they belong to, and
    /// an earlier message.
    func compareTouched(_ random: inout RandomSource) async throws {
        let touched = model.touched
        let probe = probe
        var checks: [Check] = []
        for account in touched.accounts.sorted() where auditors[account] != nil {
            let after = auditedSeq[account] ?? 0
            checks.append { try await probe.inbox(of: account, after: after) }
            let byApp = random.chance(percent: 50)
            checks.append {
                try await probe.unread(of: account, byApp: byApp)
                return []
            }
            for seq in touched.entries[account, default: []].sorted().suffix(3) {
                checks.append { try await probe.inbox(of: account, after: seq - 1, limit: 1, all: false) }
                synchronized(account, after: seq - 1)
            }
            synchronized(account, after: after)
        }
        for conversation in touched.conversations.sorted(by: { $0.account < $1.account }) {
            let byApp = random.chance(percent: 50)
            checks.append {
                try await probe.history(
                    of: conversation.account, with: conversation.peer, order: "desc", limit: 10, pages: 2, byApp: byApp)
                return []
            }
        }
        try await run(checks)
        for account in touched.accounts { auditedSeq[account] = model.accounts[account]?.head }
        try await compareMessages(touched, &random)
        try await compareLive()
    }

    /// What synchronizing acknowledges is known by now.
    private func compareMessages(_ touched: ReferenceModel.Touched, _ random: inout RandomSource) async throws {
        let probe = probe
        var checks: [Check] = []
        var traced = Set(touched.messages.suffix(1))
        if let id = random.pickRecent(model.messageIDs) {
            traced.insert(id)
            if let account = random.pick(model.accountIDs), auditors[account] != nil {
                let foreignApp = foreignApp
                checks.append {
                    try await probe.visibility(of: id, to: account, foreignApp: foreignApp)
                    return []
                }
            }
        }
        for id in traced.sorted() {
            checks.append {
                try await probe.message(id)
                return []
            }
        }
        try await run(checks)
    }

    /// Asking for what comes after an entry acknowledges it.
    private func synchronized(_ account: String, after seq: Int64) {
        guard let device = auditors[account] else { return }
        model.devices[device].cursor = max(model.devices[device].cursor, seq)
    }

    /// Everything of everybody.
    func compareEverything() async throws {
        let probe = probe
        var checks: [Check] = []
        for account in model.accounts.values {
            let id = account.id
            checks.append { try await probe.inbox(of: id, after: 0) }
            synchronized(id, after: account.head / 500 * 500)
            checks.append {
                try await probe.unread(of: id, byApp: false)
                try await probe.unread(of: id, byApp: true)
                try await probe.conversations(of: id)
                for peer in [nil] + probe.model.peers(of: id) {
                    try await probe.history(of: id, with: peer, order: "asc", limit: 97, byApp: true)
                    try await probe.history(of: id, with: peer, order: "desc", limit: 500, byApp: false)
                }
                return []
            }
        }
        try await run(checks)
        try await compareLive()
        let settled = self.probe
        for id in model.messageIDs.suffix(20) { try await settled.message(id) }
        for account in model.accounts.values { try await settled.devices(of: account) }
    }

    /// In the end every device that did not get a message has a reason.
    func compareDecisions(last count: Int) async throws {
        let probe = probe
        for id in model.messageIDs.suffix(count) {
            var missed: ModelMismatch?
            do {
                try await eventually("\(id) is decided for every device", within: .seconds(30)) {
                    do {
                        try await probe.message(id, mustBeDecided: true)
                        return true
                    } catch let mismatch as ModelMismatch {
                        missed = mismatch
                        return false
                    }
                }
            } catch let late as DeadlineMissed {
                throw missed ?? late
            }
        }
    }

    private func run(_ checks: [Check]) async throws {
        let sightings = try await withThrowingTaskGroup(of: [ModelProbe.Sighting].self) { group in
            for check in checks { group.addTask { try await check() } }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        for sighting in sightings { model.learnEvent(sighting.account, seq: sighting.seq, sighting.item) }
    }

    /// What connected devices were handed since the last time: the inbox, in its order, without gaps. Entries of before
    /// a device was connected come as they are now.
    private func compareLive() async throws {
        let probe = probe
        for (index, device) in live {
            guard let account = model.accounts[model.devices[index].account] else { continue }
            try await device.reach(account.head)
            var place = compared[index, default: 0]
            let now = ModelProbe.now
            for entry in device.entries(after: place) {
                guard place < account.entries.count else {
                    throw ModelMismatch("\(device.client.deviceID) received too much: \(entry.json)")
                }
                _ = try probe.compare(entry, account.entries[place], of: account.id, now - 2000...now + 100)
                place += 1
            }
            guard place == account.entries.count, device.client.counters.missing == 0 else {
                throw ModelMismatch("\(device.client.deviceID) received \(place) of \(account.entries.count) entries")
            }
            compared[index] = place
        }
    }
}

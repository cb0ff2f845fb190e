import PushCore

/// What has to be true whatever happens.
extension World {
    // MARK: The road over MQTT

    func checkPublish(account: Int, seq: Int64, payload: [UInt8], expirySeconds: UInt32?) {
        note { "publishes seq \(seq) of account \(account + 1)" }
        guard let gateway else { return }
        if seq <= gateway.published[account] {
            fault("account \(account + 1) gets seq \(seq) after \(gateway.published[account])")
        }
        gateway.published[account] = seq
        if inFlight.count >= limits.publishesOutstandingMax {
            fault("\(inFlight.count + 1) publishes are outstanding")
        }
        guard
            let entry = disk.entries.first(where: { $0.account == disk.accounts[account].key && $0.seq == seq })
        else { return fault("account \(account + 1) gets seq \(seq), which is not in the archive") }
        let message = disk.message(entry.message)
        if revokedMessages.contains(message.key), payload.firstRange(of: Self.content) != nil {
            fault("the content of message \(message.key.rawValue) goes out after it was revoked")
        }
        guard let end = message.expiresAt, !hasJumped else { return }
        // What is left is counted in whole seconds, and anew each second.
        if wall >= end + 1000, payload.firstRange(of: Self.content) != nil {
            fault("seq \(seq) of account \(account + 1) goes out after its life")
        }
        if let expirySeconds, Int64(expirySeconds) * 1000 > max(1000, end - wall + 1000) {
            fault("seq \(seq) of account \(account + 1) may live on at the broker")
        }
    }

    static let content = Array(#""text":"hi""#.utf8)

    func markHandedOver(_ publish: Publish) {
        let account = disk.accounts[publish.account].key
        guard let entry = disk.entries.first(where: { $0.account == account && $0.seq == publish.seq }) else { return }
        isHandedOver[Int(entry.position) - 1] = true
    }

    // MARK: Deciding

    /// Nobody who is there is pushed before the time to acknowledge is over.
    func checkDeadlines(of candidates: [FallbackCandidate], _ disk: SimulatedDisk) {
        for candidate in candidates where !hasJumped && candidate.notBefore == nil {
            let message = disk.message(candidate.message)
            let index = Int(candidate.device.rawValue) - 1
            guard message.push.policy != .always, disk.devices[index].isActive,
                let entry = disk.entries.first(where: {
                    $0.account == candidate.account && $0.seq == candidate.seq
                })
            else { continue }
            let committed = committedAt[Int(entry.position) - 1]
            guard sides[index].connectedSince < committed, brokerLostAt < committed else { continue }
            let allowed = allowed(message, sides[index])
            if steady - committed < allowed {
                fault("device \(index + 1) is decided about \(steady - committed) ms after it got seq \(candidate.seq)")
            }
        }
    }

    private func allowed(_ message: ArchivedMessage, _ side: DeviceSide) -> Int64 {
        if let after = message.push.afterSeconds { return after * 1000 }
        if message.type == .call { return limits.acknowledgementDeadlineForCalls.milliseconds }
        return side.wasInBackground
            ? limits.acknowledgementDeadlineInBackground.milliseconds : limits.acknowledgementDeadline.milliseconds
    }

    // MARK: The road over vendors

    func noteReading(_ push: SimulatedDisk.PushRow, _ device: SimulatedDisk.DeviceRow) {
        readings[push.key] = Reading(
            steady: steady, wall: wall, isWaiting: push.state == .waiting, isAcknowledged: device.cursor >= push.seq,
            isRevoked: disk.message(push.message).state == .revoked, isActive: device.isActive,
            token: push.token.flatMap { device.liveTokens.contains($0) ? $0 : nil })
    }

    /// A request begins.
    func began(_ batch: [VendorPush], vendor index: Int, underWay: Int) {
        let vendor = vendors[index]
        note { "\(vendor.vendor) gets \(batch.map { "\($0.messageID) for \($0.deviceID)" })" }
        if underWay > vendor.concurrentMax { fault("\(underWay) requests of \(vendor.vendor) at once") }
        if batch.count > vendor.form.max { fault("\(batch.count) pushes in one request") }
        for push in batch {
            guard let device = disk.devices.first(where: { $0.deviceID == push.deviceID }),
                let message = disk.messages.first(where: { $0.id == push.messageID }),
                let place = disk.pushOf[.init(message: message.key, device: device.key)],
                let reading = readings[Int64(place + 1)]
            else { return fault("\(push.messageID) goes to \(push.deviceID) though nobody asked for it") }
            checkRequest(push, disk.pushes[place], reading, message, vendor)
        }
    }

    private func checkRequest(
        _ push: VendorPush, _ row: SimulatedDisk.PushRow, _ reading: Reading, _ message: ArchivedMessage,
        _ vendor: SimulatedVendor
    ) {
        let name = "push \(row.key) (\(push.messageID) for \(push.deviceID))"
        if !reading.isWaiting { fault("\(name) goes out though it had ended") }
        if reading.isAcknowledged { fault("\(name) goes out though its device has the message") }
        if reading.isRevoked { fault("\(name) goes out though it was revoked") }
        if !reading.isActive { fault("\(name) goes to a device that has left") }
        if reading.token != push.token { fault("\(name) goes to a token that is dead or gone") }
        if endedDevices.contains(row.device), reading.isActive { fault("\(name) begins after its device has left") }
        if revokedMessages.contains(row.message), !reading.isRevoked { fault("\(name) begins after it was revoked") }
        let life = message.pushLifeSeconds ?? limits.pushLifeDefaultSeconds
        if life > 0, reading.wall >= message.serverTime + life * 1000 { fault("\(name) goes out after its life") }
        var known = notes[row.key] ?? PushNote()
        if known.isAccepted { fault("\(name) goes out though it was accepted before") }
        // A repeat takes the first one's place where both are on one token; the other may be on a token that is gone.
        if let shown = known.shownOn {
            let isGone = !disk.device(row.device).liveTokens.contains(shown)
            if shown.kind == .voip || (shown != push.token && !isGone) { fault("\(name) is shown twice") }
        }
        if push.token.kind == .voip {
            if !row.isBegun, row.state == .waiting { fault("\(name) goes out before that is on disk") }
        }
        if !hasJumped, wall < known.notBefore { fault("\(name) comes \(known.notBefore - wall) ms too early") }
        if reading.steady > vendor.pausedAt, steady < vendor.pausedUntil {
            fault("\(name) goes out while \(vendor.vendor) asked for a pause")
        }
        if !hasJumped, let after = message.push.afterSeconds, message.push.policy != .always,
            wall < message.serverTime + after * 1000,
            sides[Int(row.device.rawValue) - 1].connectedSince < steady - (wall - message.serverTime),
            brokerLostAt < steady - (wall - message.serverTime)
        {
            fault("\(name) does not wait as its sender wished")
        }
        known.shownOn = push.token
        known.isUnwritten = false
        notes[row.key] = known
    }

    func answered(_ batch: [VendorPush], _ answers: [VendorAnswer], vendor index: Int, isInUse: Bool) {
        for (push, answer) in zip(batch, answers) {
            guard let device = disk.devices.first(where: { $0.deviceID == push.deviceID }),
                let message = disk.messages.first(where: { $0.id == push.messageID }),
                let place = disk.pushOf[.init(message: message.key, device: device.key)]
            else { continue }
            note { "\(vendors[index].vendor) answers \(answer) to push \(place + 1)" }
            var known = notes[Int64(place + 1)] ?? PushNote()
            known.isUnwritten = true
            switch answer {
            case .sent, .unknown: break
            case .dead, .auth, .drop: known.shownOn = nil
            case .retry(_, let after, _):
                known.shownOn = nil
                known.notBefore = wall + (after?.milliseconds ?? 500)
            case .slow(_, let scope, let after):
                known.shownOn = nil
                let length = after?.milliseconds ?? 30_000
                known.notBefore = wall + length
                if scope == .credential, isInUse {
                    vendors[index].pausedUntil = max(vendors[index].pausedUntil, steady + length)
                    vendors[index].pausedAt = steady
                }
            }
            notes[Int64(place + 1)] = known
        }
    }

    /// An outcome is on disk.
    func noteOutcome(of job: PushJob, _ change: PushJobChange) {
        notes[job.key]?.isUnwritten = false
        guard case .accepted(let vendor, _, let use, _) = change, notes[job.key]?.isAccepted == false else { return }
        notes[job.key]?.isAccepted = true
        guard let use, let budget = vendors.first(where: { $0.vendor == vendor })?.budget else { return }
        acceptedToday[.init(vendor: vendor, day: use.day, messageClass: use.messageClass), default: 0] += 1
        let marketing = acceptedToday[.init(vendor: vendor, day: use.day, messageClass: .marketing)] ?? 0
        let all = marketing + (acceptedToday[.init(vendor: vendor, day: use.day, messageClass: .transactional)] ?? 0)
        // Of a vendor's days only the last two are remembered: a clock that is set back twice finds a third.
        guard let most = budget.perDay, !hasJumped else { return }
        if all > most { fault("\(all) pushes of \(most) a day were sent") }
        if marketing > most - (most + 4) / 5 { fault("marketing takes \(marketing) of \(most)") }
    }

    func checkMemory(_ held: Int) {
        let most = limits.pushJobsInMemoryMax + 16 * max(1, Int(disk.lastLane))
        if held > most { fault("\(held) pushes are in memory") }
    }

    /// What has ended stays as it ended.
    func checkDisk() {
        if let left = commitsUntilCrash { commitsUntilCrash = (left.count - 1, left.point) }
        for index in disk.pushes.indices {
            let state = disk.pushes[index].state
            if index == ends.count { ends.append(.waiting) }
            if ends[index] != .waiting, state != ends[index], !(ends[index] == .skipped && state == .accepted) {
                fault("push \(index + 1) was \(ends[index]) and is \(state)")
            }
            ends[index] = state
        }
    }

    // MARK: The end

    /// Nothing is left to do.
    var isSettled: Bool {
        guard let gateway, inFlight.isEmpty else { return false }
        let head = Int64(disk.entries.count)
        return gateway.progress.current == DeliveryMarks(dispatched: head, decided: head) && disk.marks.decided == head
            && disk.marks.dispatched == head && !disk.pushes.contains { $0.state == .waiting }
            && !sides.contains { !$0.acknowledgements.isEmpty }
    }

    func checkEnd() {
        guard isSettled else { return fault("it never comes to rest: \(stuck)") }
        for entry in disk.entries {
            let account = Int(entry.account.rawValue) - 1
            let devices = disk.devices.filter { $0.account == account && $0.isActive && $0.startSeq < entry.seq }
            if !devices.isEmpty, !isHandedOver[Int(entry.position) - 1] {
                fault("position \(entry.position) never reached the broker")
            }
            guard entry.revision == 0, !entry.flags.contains(.own) else { continue }
            for device in devices where device.cursor < entry.seq {
                if disk.pushOf[.init(message: entry.message, device: device.key)] == nil {
                    fault("nothing became of seq \(entry.seq) for \(device.deviceID)")
                }
            }
        }
    }

    private var stuck: String {
        let waiting = disk.pushes.filter { $0.state == .waiting }.map(\.key)
        let marks = gateway?.progress.current
        return "marks \(marks?.dispatched ?? -1)/\(marks?.decided ?? -1) of \(disk.entries.count), on disk "
            + "\(disk.marks.dispatched)/\(disk.marks.decided), in flight \(inFlight.count), pushes \(waiting)"
    }
}

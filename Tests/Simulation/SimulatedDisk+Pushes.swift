import PushCore

/// The rules that the store keeps in its transactions, as PushStorage has them.
extension SimulatedDisk {
    // MARK: Deciding

    mutating func decide(_ candidates: [FallbackCandidate], limits: Limits, at now: Int64) -> Bool {
        var isAnyMade = false
        for candidate in candidates {
            let pair = Pair(message: candidate.message, device: candidate.device)
            guard pushOf[pair] == nil else { continue }
            let (message, row) = (message(candidate.message), device(candidate.device))
            guard message.from != accounts[row.account].id, candidate.account == accounts[row.account].key else {
                continue
            }
            let verdict = FallbackRule.verdict(
                message: message, device: device(for: row), isAcknowledged: row.cursor >= candidate.seq,
                isConfigured: { lane(of: $0) != nil }, canSendSilently: { _ in true }, now: now)
            let (state, reason, token): (PushRow.State, SkipReason?, PushToken?)
            switch verdict {
            case .nothing: continue
            case .skip(let why): (state, reason, token) = (.skipped, why, nil)
            case .push(let chosen): (state, reason, token) = (.waiting, nil, chosen)
            }
            let life = message.pushLifeSeconds ?? limits.pushLifeDefaultSeconds
            let oneTry = max(now, candidate.notBefore ?? now) + 60_000
            let expiry =
                message.push.timeToLiveSeconds == 0
                ? min(oneTry, message.expiresAt ?? oneTry) : message.serverTime + life * 1000
            pushes.append(
                PushRow(
                    key: Int64(pushes.count + 1), message: candidate.message, device: candidate.device,
                    account: row.account, seq: candidate.seq, state: state, reason: reason,
                    lane: token.flatMap { lane(of: $0.vendor) } ?? 0, token: token,
                    messageClass: message.messageClass, notBefore: candidate.notBefore ?? now, expiresAt: expiry,
                    createdAt: now))
            pushOf[pair] = pushes.count - 1
            isAnyMade = isAnyMade || state == .waiting
        }
        return isAnyMade
    }

    mutating func hasten(_ devices: [DeviceKey], at now: Int64) -> Bool {
        var isAny = false
        for index in pushes.indices
        where pushes[index].state == .waiting && pushes[index].attempts == 0 && !pushes[index].isLeased
            && pushes[index].notBefore > now && devices.contains(pushes[index].device)
        {
            pushes[index].notBefore = now
            isAny = true
        }
        return isAny
    }

    // MARK: Claiming

    var lanesWithJobs: [Int64: Int64] {
        var found: [Int64: Int64] = [:]
        for push in pushes where push.state == .waiting {
            found[push.lane] = min(found[push.lane] ?? .max, push.notBefore)
        }
        return found
    }

    mutating func claim(
        _ claims: [JobClaim], besides held: Set<Int64>, at now: Int64, leaseUntil: Int64
    ) -> [PushJob] {
        var jobs: [PushJob] = []
        for claim in claims {
            var left = claim.total
            for messageClass in MessageClass.allCases {
                guard let limit = claim.limits[messageClass].map({ min($0, left) }), limit > 0 else { continue }
                let due = pushes.indices.filter { index in
                    let push = pushes[index]
                    return push.state == .waiting && push.lane == claim.lane && push.messageClass == messageClass
                        && push.notBefore <= now && !held.contains(push.key)
                }.sorted { (pushes[$0].notBefore, $0) < (pushes[$1].notBefore, $1) }
                for index in due.prefix(limit) {
                    if pushes[index].isBegun {
                        end(index, .failed, .vendorRefused)
                    } else if pushes[index].expiresAt <= now {
                        end(index, .skipped, .expired)
                    } else {
                        left -= 1
                        jobs.append(lease(index, at: now, until: leaseUntil))
                    }
                }
            }
        }
        return jobs
    }

    private mutating func lease(_ index: Int, at now: Int64, until: Int64) -> PushJob {
        let due = pushes[index].notBefore
        pushes[index].isLeased = true
        pushes[index].claimedAt = now
        pushes[index].notBefore = until
        pushes[index].attempts += 1
        let push = pushes[index]
        return PushJob(
            key: push.key, lane: push.lane, message: push.message, device: push.device, attempts: push.attempts,
            createdAt: push.createdAt, expiresAt: push.expiresAt, messageClass: push.messageClass, dueAt: due,
            claimedAt: now)
    }

    mutating func expire(limit: Int, at now: Int64) -> Int {
        var ended = 0
        for index in pushes.indices
        where ended < limit && pushes[index].state == .waiting && !pushes[index].isLeased
            && pushes[index].expiresAt <= now
        {
            end(index, .skipped, .expired)
            ended += 1
        }
        return ended
    }

    mutating func releaseLeases(at now: Int64) {
        for index in pushes.indices where pushes[index].state == .waiting && pushes[index].isLeased {
            if pushes[index].isBegun {
                end(index, .failed, .vendorRefused)
            } else {
                pushes[index].isLeased = false
                pushes[index].notBefore = now
            }
        }
        clockWentBack(to: now)
    }

    mutating func clockWentBack(to now: Int64) {
        for index in pushes.indices where pushes[index].state == .waiting {
            let made = max(pushes[index].createdAt, pushes[index].claimedAt ?? 0)
            guard made > now else { continue }
            pushes[index].notBefore = max(now, pushes[index].notBefore - (made - now))
            pushes[index].createdAt = min(pushes[index].createdAt, now)
            pushes[index].claimedAt = pushes[index].claimedAt.map { min($0, now) }
        }
    }

    // MARK: Outcomes

    mutating func end(_ index: Int, _ state: PushRow.State, _ reason: SkipReason?) {
        guard pushes[index].state == .waiting else { return }
        pushes[index].state = state
        pushes[index].reason = reason
        pushes[index].isLeased = false
        pushes[index].isBegun = false
    }

    mutating func change(_ job: PushJob, _ change: PushJobChange, at now: Int64) {
        let index = Int(job.key) - 1
        switch change {
        case .accepted(_, _, let use, _):
            if let use {
                ledger[
                    LedgerKey(vendor: use.vendor, day: use.day, messageClass: use.messageClass), default: 0] += 1
            }
            guard pushes[index].state == .waiting || pushes[index].state == .skipped else { return }
            pushes[index].state = .waiting
            end(index, .accepted, nil)
        case .skipped(.noToken): endWithoutToken(index, at: now)
        case .skipped(let reason): end(index, .skipped, reason)
        case .failed(_, let reason, _): end(index, .failed, reason)
        case .retry(let at, _, _): wait(index, until: at)
        case .heldBack: release(index, at: now)
        case .released(let at): release(index, at: at)
        case .tokenDead(let token, _, _, _):
            bury(token, of: job.device, besides: index)
            guard pushes[index].state == .waiting else { return }
            pushes[index].tried.append(token)
            if let chosen = pushes[index].token, chosen != token,
                device(job.device).liveTokens.contains(chosen)
            {
                return wait(index, until: now)
            }
            if goOn(index) { wait(index, until: now) } else { end(index, .failed, .tokenDead) }
        }
    }

    private mutating func wait(_ index: Int, until time: Int64) {
        guard pushes[index].state == .waiting else { return }
        pushes[index].isLeased = false
        pushes[index].isBegun = false
        pushes[index].notBefore = time
    }

    private mutating func release(_ index: Int, at time: Int64) {
        guard pushes[index].state == .waiting else { return }
        wait(index, until: time)
        pushes[index].attempts = max(0, pushes[index].attempts - 1)
    }

    private mutating func endWithoutToken(_ index: Int, at now: Int64) {
        guard pushes[index].state == .waiting else { return }
        let tokens = device(pushes[index].device).tokens
        guard let token = pushes[index].token, tokens.contains(where: { $0.token == token && !$0.isLive }) else {
            return end(index, .skipped, .noToken)
        }
        if goOn(index) { release(index, at: now) } else { end(index, .failed, .tokenDead) }
    }

    private mutating func bury(_ token: PushToken, of device: DeviceKey, besides answered: Int) {
        let place = Int(device.rawValue) - 1
        guard let index = devices[place].tokens.firstIndex(where: { $0.token == token && $0.isLive }) else { return }
        devices[place].tokens[index].isLive = false
        for other in pushes.indices
        where other != answered && pushes[other].state == .waiting && pushes[other].device == device
            && pushes[other].token == token && !pushes[other].isLeased
        {
            if !goOn(other) { end(other, .failed, .tokenDead) }
        }
    }

    /// Gives a push the next token of its device that may carry it.
    mutating func goOn(_ index: Int) -> Bool {
        let push = pushes[index]
        let chain = FallbackRule.chain(for: message(push.message), tokens: device(push.device).liveTokens)
        guard let next = chain.first(where: { !push.tried.contains($0) && lane(of: $0.vendor) != nil }),
            let lane = lane(of: next.vendor)
        else { return false }
        pushes[index].token = next
        pushes[index].lane = lane
        return true
    }

    // MARK: Devices and settings

    /// The device names its tokens anew: what waits for one that is gone goes on to the next.
    mutating func setTokens(_ tokens: [PushToken], of device: DeviceKey) {
        let place = Int(device.rawValue) - 1
        devices[place].tokens = tokens.map { TokenRow(token: $0) }
        for index in pushes.indices where pushes[index].state == .waiting && pushes[index].device == device {
            guard let token = pushes[index].token, !tokens.contains(token) else { continue }
            if !goOn(index) { end(index, .skipped, .noToken) }
        }
    }

    mutating func deregister(_ device: DeviceKey) {
        devices[Int(device.rawValue) - 1].isActive = false
        devices[Int(device.rawValue) - 1].tokens = []
        for index in pushes.indices where pushes[index].device == device { end(index, .skipped, .deregistered) }
    }

    mutating func revoke(_ key: MessageKey) {
        let old = message(key)
        messages[Int(key.rawValue) - 1] = ArchivedMessage(
            key: old.key, tenantKey: old.tenantKey, tenantNo: old.tenantNo, id: old.id, form: old.form, from: old.from,
            to: old.to, target: nil, type: old.type, content: nil, timestamp: old.timestamp,
            isBackground: old.isBackground, serverTime: old.serverTime, revision: old.revision,
            timeToLiveSeconds: old.timeToLiveSeconds, state: .revoked, push: old.push)
        for index in pushes.indices where pushes[index].message == key { end(index, .skipped, .revoked) }
    }

    /// A credential that is put is a new lane; what waited for the old one waits for it.
    mutating func putCredential(_ vendor: Vendor, at now: Int64) {
        lastLane += 1
        let old = lane(of: vendor)
        settings.removeAll { $0.vendor == vendor }
        settings.append(
            VendorSettings(
                lane: lastLane, tenantKey: Self.tenant.key, app: nil, vendor: vendor,
                settings: .object { $0.member("lane", lastLane) }))
        for index in pushes.indices where pushes[index].lane == old && pushes[index].state == .waiting {
            pushes[index].lane = lastLane
            if !pushes[index].isLeased, pushes[index].claimedAt != nil { pushes[index].notBefore = now }
        }
    }
}

// DeviceClient+Entries.swift
//
// From what arrives, in whatever order and however often, to each entry once and in order. All of it runs on the
// loop's thread, so nothing overtakes anything between two looks at the state.

extension DeviceClient {
    private enum Origin { case live, sync, early }

    private enum Verdict {
        case handOver
        case drop
        /// Something before it is missing.
        case tooEarly
    }

    func received(_ payload: [UInt8], in channel: Channel) {
        guard let entry = try? Entry(bytes: payload, channel: channel) else {
            state.withLock { $0.counters.unreadable += 1 }
            return
        }
        if take(entry, from: .live) {
            takeEarlyOnes(in: channel)
        } else {
            synchronizeIfNeeded()
            scheduleTimer()
        }
    }

    /// - Returns: whether what follows it can be taken.
    private func take(_ entry: Entry, from origin: Origin) -> Bool {
        switch state.withLock({ judge(entry, from: origin, &$0) }) {
        case .drop: return true
        case .tooEarly: return false
        case .handOver: break
        }
        do {
            try handler(self, .entry(entry))
        } catch {
            state.withLock { state in
                if let seq = entry.seq { state[entry.channel].heard(of: seq) }
                state.needsSync = true
                state.syncNotBefore = .now + options.repeatAfter
            }
            return false
        }
        state.withLock { state in
            state.counters.delivered += 1
            state.seen.insert(entry.key)
            if let seq = entry.seq { advance(entry.channel, to: seq, &state) }
        }
        return true
    }

    private func judge(_ entry: Entry, from origin: Origin, _ state: inout State) -> Verdict {
        switch origin {
        case .live: state.counters.received += 1
        case .sync: state.counters.synchronized += 1
        case .early: break
        }
        let wasSeen = state.seen.contains(entry.key)
        guard let seq = entry.seq else {
            if wasSeen { state.counters.repeats += 1 }
            return wasSeen ? .drop : .handOver
        }
        let position = state[entry.channel]
        switch position.place(of: seq) {
        case .repeated:
            // In a page it only means that the entry also came live.
            if origin == .live { state.counters.repeats += 1 }
            return .drop
        case .early where origin == .live:
            state[entry.channel].keep(entry, at: seq)
            state.needsSync = true
            return .tooEarly
        case .early:
            // A page goes on where the position ends: the gateway itself has nothing in between.
            state.counters.missing += seq - position.last - 1
            advance(entry.channel, to: seq - 1, &state)
        case .next: break
        }
        guard wasSeen else { return .handOver }
        state.counters.repeats += 1
        advance(entry.channel, to: seq, &state)
        return .drop
    }

    private func advance(_ channel: Channel, to seq: Int64, _ state: inout State) {
        if state[channel].advance(to: seq) { state.counters.gapsHealed += 1 }
        state.isDirty = true
    }

    private func takeEarlyOnes(in channel: Channel) {
        while let next = state.withLock({ $0[channel].next }) {
            guard take(next, from: .early) else { return }
        }
    }

    // MARK: Synchronizing

    /// Asks for what is missing, unless that is under way or has to wait.
    func synchronizeIfNeeded() {
        let isNeeded = state.withLock { state in
            guard state.isReady, state.needsSync, !state.isSyncing else { return false }
            if let notBefore = state.syncNotBefore, ContinuousClock.now < notBefore { return false }
            state.isSyncing = true
            state.syncNotBefore = nil
            return true
        }
        guard isNeeded else { return }
        // Asking for what comes after an entry acknowledges it: it must be safe on this device first.
        savePosition()
        let (seq, broadcastSeq) = state.withLock { state in
            options.acknowledgement == .automatic
                ? (state.inbox.last, state.broadcast.last)
                : (state.acknowledged.seq, state.acknowledged.broadcastSeq)
        }
        requestPage(after: seq, broadcastAfter: broadcastSeq)
    }

    private func requestPage(after seq: Int64, broadcastAfter broadcastSeq: Int64) {
        start(
            "sync",
            [
                "after": JSONValue(seq), "broadcastAfter": options.receivesBroadcasts ? JSONValue(broadcastSeq) : nil,
                "limit": JSONValue(options.syncLimit),
            ], .sync(after: seq, broadcastAfter: broadcastSeq))
    }

    func receivedPage(_ reply: Reply, after: Int64, broadcastAfter: Int64) {
        guard reply.isOK, let range = reply.result, let page = try? SyncPage(reply.bytes, in: range) else {
            state.withLock { state in
                state.isSyncing = false
                state.syncNotBefore = .now + options.repeatAfter
            }
            return
        }
        state.withLock { $0.acknowledged.raise(to: .init(seq: after, broadcastSeq: broadcastAfter)) }
        // A head below what was asked for, not below what has arrived since.
        if page.head < after { rewind(.inbox, to: page.head) }
        if let head = page.broadcast.head, head < broadcastAfter { rewind(.broadcast, to: head) }
        let isTaken = takeAll(page.items, in: .inbox) && takeAll(page.broadcast.items, in: .broadcast)
        let hasMore = (page.more && !page.items.isEmpty) || (page.broadcast.more && !page.broadcast.items.isEmpty)
        if isTaken, hasMore {
            savePosition()
            let seq = page.items.last?.seq ?? after
            return requestPage(
                after: min(seq, lastContiguousSeq),
                broadcastAfter: min(page.broadcast.items.last?.seq ?? broadcastAfter, lastContiguousBroadcastSeq))
        }
        finishSync(isTaken: isTaken, page)
    }

    private func takeAll(_ entries: [Entry], in channel: Channel) -> Bool {
        for entry in entries {
            guard take(entry, from: .sync) else { return false }
        }
        takeEarlyOnes(in: channel)
        return true
    }

    private func finishSync(isTaken: Bool, _ page: SyncPage) {
        let isCaughtUp = state.withLock { state in
            state.isSyncing = false
            state.inbox.heard(of: page.head)
            if let head = page.broadcast.head, options.receivesBroadcasts { state.broadcast.heard(of: head) }
            guard isTaken else { return false }  // the handler threw: the time of the next try is set
            state.needsSync = state.inbox.isBehind || state.broadcast.isBehind
            guard state.needsSync else {
                state.syncsInVain = 0
                state.counters.caughtUp += 1
                return true
            }
            // There is something that this page did not have: what came meanwhile, or what is being written.
            let delay = Duration.milliseconds(100) * (1 << min(state.syncsInVain, 10))
            state.syncsInVain += 1
            state.syncNotBefore = .now + min(options.repeatAfter, delay)
            return false
        }
        if isCaughtUp { report(.caughtUp) }
    }

    private func rewind(_ channel: Channel, to head: Int64) {
        state.withLock { state in
            state[channel].rewind(to: head)
            state.isDirty = true
            if channel == .inbox {
                state.acknowledged.seq = min(state.acknowledged.seq, head)
                state.acknowledgementWanted.seq = min(state.acknowledgementWanted.seq, head)
            } else {
                state.acknowledged.broadcastSeq = min(state.acknowledged.broadcastSeq, head)
                state.acknowledgementWanted.broadcastSeq = min(state.acknowledgementWanted.broadcastSeq, head)
            }
        }
        report(.rewound(channel, to: head))
    }

    // MARK: Storing and acknowledging

    /// No PUBACK for the entries of this batch has left yet: what is saved now is saved before the broker forgets it.
    func batchEnded() {
        guard savePosition() else { return }
        if options.acknowledgement == .automatic {
            state.withLock { state in
                state.acknowledgementWanted.raise(to: .init(seq: state.inbox.last, broadcastSeq: state.broadcast.last))
            }
        }
        if !delaysAcknowledgement() { acknowledgeIfNeeded() }
        scheduleTimer()
    }

    /// - Returns: whether everything handed over is saved.
    @discardableResult
    func savePosition() -> Bool {
        guard let store = options.store else { return true }
        let position = state.withLock { state -> LocalPosition? in
            guard state.isDirty else { return nil }
            return LocalPosition(
                account: account, seq: state.inbox.last, broadcastSeq: state.broadcast.last,
                acknowledgedSeq: state.acknowledged.seq, acknowledgedBroadcastSeq: state.acknowledged.broadcastSeq,
                seen: state.seen.oldestFirst)
        }
        guard let position else { return true }
        do {
            try store.save(position)
            state.withLock { $0.isDirty = false }
            return true
        } catch {
            report(.storeFailed("\(error)"))
            return false
        }
    }

    /// Everything up to here is stored on the device; going back does nothing. One acknowledgement is on its way at a
    /// time, the next one carries the highest numbers asked for meanwhile. For ``Acknowledgement/manual``.
    public func acknowledge(seq: Int64, broadcastSeq: Int64 = 0) {
        state.withLock { state in
            // Never what was not handed over.
            state.acknowledgementWanted.raise(
                to: .init(
                    seq: min(seq, state.inbox.last), broadcastSeq: min(broadcastSeq, state.broadcast.last)))
        }
        acknowledgeIfNeeded()
        scheduleTimer()
    }

    /// Whether the next acknowledgement is for broadcasts alone: then it leaves a little later.
    private func delaysAcknowledgement() -> Bool {
        let delay = options.broadcastAcknowledgementDelay
        guard options.acknowledgement == .automatic, delay > .zero else { return false }
        let (delays, begins) = state.withLock { state -> (Bool, Bool) in
            let isForBroadcastsAlone =
                state.acknowledgementWanted.seq <= state.acknowledged.seq
                && state.acknowledgementWanted.isBeyond(state.acknowledged)
            let begins = isForBroadcastsAlone && !state.isDelayingAcknowledgement
            if begins { state.isDelayingAcknowledgement = true }
            return (isForBroadcastsAlone, begins)
        }
        if begins {
            loop.schedule(after: delay) { [weak self] in
                self?.state.withLock { $0.isDelayingAcknowledgement = false }
                self?.acknowledgeIfNeeded()
            }
        }
        return delays
    }

    /// A last one, for which nobody waits, when none that says as much is on its way: it leaves before the DISCONNECT.
    func acknowledgeBeforeLeaving() {
        state.withLock { state in
            let wanted = state.acknowledgementWanted
            let isOnItsWay = state.requests.requests.values.contains {
                if case .acknowledge(let sent) = $0.purpose { !wanted.isBeyond(sent) } else { false }
            }
            if !isOnItsWay { state.isAcknowledging = false }
        }
        acknowledgeIfNeeded()
    }

    func acknowledgeIfNeeded() {
        let wanted = state.withLock { state -> PushGateClient.Acknowledgement? in
            // The next page of a sync acknowledges by itself.
            guard options.acknowledgement != .never, state.isReady, !state.isAcknowledging, !state.isSyncing,
                state.acknowledgementWanted.isBeyond(state.acknowledged)
            else { return nil }
            state.isAcknowledging = true
            state.counters.acknowledgementsSent += 1
            return state.acknowledgementWanted
        }
        guard let wanted else { return }
        start(
            "ack",
            [
                "seq": JSONValue(wanted.seq),
                "broadcastSeq": wanted.broadcastSeq > 0 ? JSONValue(wanted.broadcastSeq) : nil,
            ], .acknowledge(wanted))
    }

    func receivedAcknowledgementReply(_ reply: Reply, _ acknowledgement: PushGateClient.Acknowledgement) {
        state.withLock { state in
            if reply.isOK {
                state.acknowledged.raise(to: acknowledgement)
                state.isDirty = true
            } else {
                // Refused for good: the same numbers would be refused again, higher ones may not be.
                state.acknowledgementWanted = state.acknowledged
            }
        }
        // The first acknowledgement leaves at once; in a stream of entries the next ones are gathered for a moment.
        loop.schedule(after: options.acknowledgementInterval) { [weak self] in
            self?.state.withLock { $0.isAcknowledging = false }
            self?.acknowledgeIfNeeded()
        }
    }
}

import Logging

/// From a lane's backlog to the vendor and back.
extension PushQueue {
    func startPumps() {
        for pump in book.startPumps(now: monotonic()) { start(pump) }
    }

    private func start(_ pump: LaneBook.Pump) {
        // Waited for in `finish`, by count: a cancelled queue lets a push under way have its answer.
        runtime.start {
            while let page = self.book.takePage(of: pump.lane, now: self.monotonic()) {
                await self.begin(page, of: pump)
            }
            await self.shutDownEnded()
            self.wakeIfEmpty(pump.lane)
        }
    }

    func shutDownEnded() async {
        for sender in book.takeEnded() { await sender.shutdown() }
    }

    private func wakeIfEmpty(_ lane: Int64) {
        let now = monotonic()
        if book.with(lane, { $0.wantsJobs(now: now) }) ?? false { signal.wake() }
    }

    // MARK: Back to disk

    /// Back to disk untouched.
    func release(_ jobs: [PushJob]) {
        let now = clock.now
        recorder.record(jobs.map { .init($0, .released(at: now)) })
    }

    /// What waits in lanes that are held back goes back to disk: it must not take the room of others.
    func freeHeldBack() {
        let (now, instant) = (clock.now, monotonic())
        var removed: [OutcomeRecorder.Outcome] = []
        book.withEachLane { lane in
            for (job, wait) in lane.removeHeldBack(now: instant) {
                removed.append(.init(job, .released(at: now + wait.milliseconds)))
            }
        }
        recorder.record(removed)
    }

    // MARK: Requests

    /// Reads a page and begins its requests. After the answer to a change of a device no new request begins for it.
    private func begin(_ page: Lane.Page, of pump: LaneBook.Pump) async {
        let generation = barrier.begin()
        defer { barrier.end(generation) }
        let subjects: [Int64: PushSubject]
        do {
            subjects = try await store.subjects(of: page.jobs)
        } catch {
            logger.warning("push jobs were put off", metadata: ["count": "\(page.jobs.count)", "error": "\(error)"])
            _ = book.with(pump.lane) { $0.began(page, used: 0, sent: 0, returned: []) }
            let later = clock.now + limits.pushRetryFirst.milliseconds
            recorder.record(page.jobs.map { .init($0, .released(at: later)) })
            return
        }
        let sender = pump.sender
        let preparation = PushPreparation(
            vendor: sender.vendor, canSendSilently: sender.canSendSilently,
            replacesShown: { sender.repeatReplaces($0) }, limits: limits, now: clock.now)
        let gate = book.with(pump.lane) { $0.settings }.map {
            BudgetGate(book: budgets, settings: $0, budget: pump.sender.budget, now: preparation.now)
        }
        var pushes: [PreparedPush] = []
        var changes: [OutcomeRecorder.Outcome] = []
        for job in page.jobs {
            var verdict = preparation.verdict(job, subjects[job.key])
            if case .push(let prepared) = verdict, let gate {
                verdict = gate.admit(prepared, usage: subjects[job.key]?.deviceUsage ?? DeviceUsage())
            }
            switch verdict {
            case .push(let prepared): pushes.append(prepared)
            case .change(let change): changes.append(.init(job, change))
            }
        }
        recorder.record(changes)
        send(pushes, of: page, to: pump, generation: generation)
    }

    private func send(_ pushes: [PreparedPush], of page: Lane.Page, to pump: LaneBook.Pump, generation: UInt64) {
        let batches = PushBatches.make(pushes, form: pump.sender.batchForm)
        let instant = monotonic()
        let isStopping = book.isStopping
        let fitting = book.with(pump.lane) { lane -> Int in
            // Stopped while this was read: what has not begun stays.
            let mayBegin = !isStopping && lane.mayBegin(page, now: instant)
            let fitting = mayBegin ? min(batches.count, page.requests) : 0
            for (message, jobs, requests) in Self.unalike(batches, fitting: page.requests) {
                lane.learn(message, jobs: jobs, requests: requests)
            }
            lane.began(
                page, used: fitting, sent: batches[..<fitting].reduce(0) { $0 + $1.count },
                returned: mayBegin ? batches[fitting...].flatMap { $0.map(\.job) } : [])
            return fitting
        }
        guard let fitting else { return putBack(pushes) }
        if fitting == 0 { putBack(pushes) } else { giveBack(Array(batches[fitting...].joined())) }
        barrier.split(generation, into: fitting)
        for batch in batches[..<fitting] {
            runtime.start { await self.request(batch, of: pump, isProbe: page.isProbe, generation: generation) }
        }
    }

    /// Before the first byte is written: what must not go out twice is known on disk to be under way. Pushes that may be
    /// repeated wait for nothing. Returns whether the request may begin.
    private func markBegun(_ batch: [PreparedPush], sender: any VendorSender) async -> Bool {
        let once = batch.filter { !sender.repeatReplaces($0.push) }
        guard !once.isEmpty else { return true }
        do {
            try await store.markBegun(once.map(\.job))
            return true
        } catch {
            logger.warning(
                "pushes that must not go out twice were put off",
                metadata: ["vendor": "\(sender.vendor)", "count": "\(batch.count)", "error": "\(error)"])
            return false
        }
    }

    private func putBack(_ pushes: [PreparedPush]) {
        giveBack(pushes)
        release(pushes.map(\.job))
    }

    /// These pushes do not go out now.
    private func giveBack(_ pushes: [PreparedPush]) {
        for prepared in pushes {
            if let use = prepared.use { budgets.giveBack(use) }
        }
    }

    /// Messages that took more requests than they had been given.
    private static func unalike(
        _ batches: [[PreparedPush]], fitting: Int
    ) -> [(message: MessageKey, jobs: Int, requests: Int)] {
        guard batches.count > fitting else { return [] }
        var found: [MessageKey: (jobs: Int, requests: Int)] = [:]
        for batch in batches {
            guard let message = batch.first?.job.message else { continue }
            let known = found[message] ?? (0, 0)
            found[message] = (known.jobs + batch.count, known.requests + 1)
        }
        return found.map { ($0.key, $0.value.jobs, $0.value.requests) }
    }

    private func request(
        _ batch: [PreparedPush], of pump: LaneBook.Pump, isProbe: Bool, generation: UInt64
    ) async {
        guard isClockBelieved, await markBegun(batch, sender: pump.sender) else {
            barrier.end(generation)
            _ = book.with(pump.lane) { $0.fellAway(isProbe: isProbe) }
            putBack(batch)
            return await goOn(pump.lane)
        }
        let (began, beganAt) = (monotonic(), clock.now)
        counts.withLock { counts in
            for prepared in batch { counts.began(after: beganAt - prepared.job.dueAt, vendor: pump.sender.vendor) }
        }
        let beginning = RequestStart { self.barrier.end(generation) }
        let pushes = batch.map(\.push)
        let answers: [VendorAnswer] = await RequestStart.$current.withValue(beginning) {
            await pump.sender.send(pushes)
        }
        beginning.report()
        let complete = AnswerReading.complete(answers, for: batch.count)
        let doubted = stopDoubted(batch, complete, of: pump)
        settle(batch, complete, of: pump, began: began, isProbe: isProbe)
        if let doubted { await tokenGuard?.revive(doubted) }
        await goOn(pump.lane)
    }

    /// A request of this lane has ended.
    private func goOn(_ lane: Int64) async {
        if let next = book.startPump(of: lane, now: monotonic()) { start(next) }
        await shutDownEnded()
        wakeIfEmpty(lane)
    }

    /// Stops credentials through which too many tokens seem to die, before any of these answers is believed.
    private func stopDoubted(
        _ batch: [PreparedPush], _ answers: [VendorAnswer], of pump: LaneBook.Pump
    ) -> TokenGuard.Doubt? {
        guard let tokenGuard, let tenant = book.with(pump.lane, { $0.settings.tenantKey }) else {
            return nil
        }
        let noted = zip(batch, answers).compactMap { prepared, answer in
            answer.saysOfToken.map {
                TokenBrake.Answer(
                    lane: pump.lane, token: prepared.push.token, isDoubtful: $0,
                    isProof: answer.provesCredential)
            }
        }
        guard let doubt = tokenGuard.note(noted, tenant: tenant, vendor: pump.sender.vendor, at: monotonic()) else {
            return nil
        }
        for lane in doubt.lanes { stop(lane: lane, reply: Self.tokensDying) }
        return doubt
    }

    /// The one place that sees every answer with its push: what it means for the job, and for the credential.
    private func settle(
        _ batch: [PreparedPush], _ answers: [VendorAnswer], of pump: LaneBook.Pump,
        began: ContinuousClock.Instant, isProbe: Bool
    ) {
        let (now, instant) = (clock.now, monotonic())
        let answered = Array(zip(batch, answers))
        counts.withLock { counts in
            for answer in answers { counts.count(answer, of: pump.sender.vendor) }
        }
        let verdict = LaneCircuit.Verdict(answered.map { ($0.0.job.key, $0.1) })
        let isBraked = book.with(pump.lane) { $0.circuit.opening?.reason == .braked } ?? false
        let reading = AnswerReading(retries: retries, now: now, isBraked: isBraked)
        var outcomes: [OutcomeRecorder.Outcome] = []
        var pauses: [PushPause] = []
        for (prepared, answer) in answered {
            let meaning = reading.meaning(
                of: answer, to: prepared, repeatReplaces: pump.sender.repeatReplaces(prepared.push))
            if case .accepted = meaning.change {
                if let use = prepared.use { budgets.accepted(use) }
            } else {
                giveBack([prepared])
            }
            outcomes.append(.init(prepared.job, meaning.change))
            if let pause = meaning.pause { pauses.append(pause) }
        }
        let wasRefused = book.with(pump.lane) { lane -> Bool in
            let wasRefused = lane.circuit.isRefused
            for pause in pauses {
                lane.pause(pause.scope, for: pause.length, reply: pause.reply, now: instant, wall: now)
            }
            lane.circuit.note(verdict, began: began, isProbe: isProbe, now: instant, wall: now)
            return wasRefused
        }
        // Once, and not for each of the requests that were under way, nor for each probe.
        if case .refused(let reply) = verdict, wasRefused != true {
            logger.error(
                "a vendor refused the credential",
                metadata: ["vendor": "\(pump.sender.vendor)", "lane": "\(pump.lane)", "code": "\(reply.code)"])
        }
        recorder.record(outcomes)
        // Only then: a queue that ends waits for requests under way, and for what is to be written down.
        _ = book.with(pump.lane) { $0.ended() }
        freeHeldBack(in: pump.lane)
    }

    private func freeHeldBack(in lane: Int64) {
        let (now, instant) = (clock.now, monotonic())
        let removed = book.with(lane) { $0.removeHeldBack(now: instant) } ?? []
        recorder.record(removed.map { .init($0.job, .released(at: now + $0.wait.milliseconds)) })
    }
}

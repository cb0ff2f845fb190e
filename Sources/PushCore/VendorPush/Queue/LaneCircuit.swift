/// Whether a credential's requests get through. Repeated failures of a vendor open it, a refused credential opens it at
/// once; then one push at a time probes it until one gets through.
struct LaneCircuit: Sendable {
    enum Reason: Sendable {
        /// The vendor does not answer, or only with faults of its own.
        case failing
        /// The vendor refused the credential.
        case refused
        /// Too many tokens died in a way that a wrong credential causes as well.
        case braked
    }

    /// What a request's answers say of the credential as a whole.
    enum Verdict: Sendable, Equatable {
        /// The credential is good and the vendor works.
        case through
        /// The vendor took the credential and refused the push for itself: that says nothing of its tokens.
        case accepted
        /// The vendor answered, but that says nothing of the credential.
        case answered
        /// Nothing but faults; `job` is its first push, `after` the pause that the vendor asked for.
        case failed(VendorReply, job: Int64, after: Duration? = nil)
        case refused(VendorReply)
        /// The vendor was not asked.
        case nothing
    }

    struct Opening: Sendable {
        var reason: Reason
        var reply: VendorReply
        let since: Milliseconds
        /// The next probe begins then.
        var until: ContinuousClock.Instant
        var pause: Duration
        var isProbeUnderWay = false
    }

    /// nil = closed: pushes go out.
    private(set) var opening: Opening?
    /// The vendor refused the credential, and nothing has closed this since: also while a brake holds.
    private(set) var isRefused = false
    /// Failures without a success in between. Requests that were under way together count once: a connection that
    /// breaks takes all of its requests with it, and that is one fault.
    private var rounds = 0
    private var lastRoundEnded: ContinuousClock.Instant?
    private var lastJob: Int64?

    static let roundsMax = 3
    static let firstPause: Duration = .milliseconds(500)
    static let pauseMax: Duration = .seconds(60)

    enum Permit: Equatable { case all, probe, none }

    func permit(now: ContinuousClock.Instant) -> Permit {
        guard let opening else { return .all }
        return opening.isProbeUnderWay || now < opening.until ? .none : .probe
    }

    mutating func beginProbe() { opening?.isProbeUnderWay = true }

    /// The push that was to probe did not go out after all.
    mutating func probeFellAway() { opening?.isProbeUnderWay = false }

    mutating func note(
        _ verdict: Verdict, began: ContinuousClock.Instant, isProbe: Bool, now: ContinuousClock.Instant,
        wall: Milliseconds
    ) {
        if isProbe { opening?.isProbeUnderWay = false }
        switch verdict {
        case .refused(let reply): open(.refused, reply, now: now, wall: wall)
        case .through: reached(restarts: isProbe || opening?.reason == .failing)
        case .accepted:
            reached(restarts: opening?.reason == .failing || (isProbe && opening?.reason == .refused))
            if isProbe { waitAgain(now: now) }
        case .nothing:
            // The push was no probe: another one is, but not at once, for there may be many of its kind.
            if isProbe { opening?.until = now + Self.firstPause }
        case .answered:
            reached(restarts: opening?.reason == .failing)
            if isProbe { waitAgain(now: now) }
        case .failed(let reply, let job, let after):
            if isProbe {
                opening?.reply = reply
                waitAgain(now: now, asked: after)
            } else {
                failed(reply, job: job, isAsked: after != nil, began: began, now: now, wall: wall)
            }
            // As long as it fails altogether, not even a probe comes earlier than the vendor said.
            if let after, let opening, opening.until < now + after { self.opening?.until = now + after }
        }
    }

    /// At once, whatever is going on.
    mutating func open(
        _ reason: Reason, _ reply: VendorReply, now: ContinuousClock.Instant, wall: Milliseconds
    ) {
        // A brake stays one until a probe proves the credential: the answers under way then are not to be believed.
        if reason == .refused { isRefused = true }
        let reason = opening?.reason == .braked ? .braked : reason
        let pause = reason == .failing ? Self.firstPause : Self.pauseMax
        opening = Opening(
            reason: reason, reply: reply, since: opening?.since ?? wall, until: now + pause, pause: pause,
            isProbeUnderWay: opening?.isProbeUnderWay ?? false)
    }

    mutating func close() {
        opening = nil
        isRefused = false
        rounds = 0
        lastJob = nil
    }

    private mutating func reached(restarts: Bool) {
        rounds = 0
        lastJob = nil
        if restarts {
            opening = nil
            isRefused = false
        }
    }

    private mutating func waitAgain(now: ContinuousClock.Instant, asked: Duration? = nil) {
        guard var next = opening else { return }
        // The vendor knows better when it works again.
        if asked == nil { next.pause = min(next.pause * 2, Self.pauseMax) }
        next.until = now + (asked ?? next.pause)
        opening = next
    }

    private mutating func failed(
        _ reply: VendorReply, job: Int64, isAsked: Bool, began: ContinuousClock.Instant,
        now: ContinuousClock.Instant, wall: Milliseconds
    ) {
        guard opening == nil else { return }
        // The same push again says something of the push, not of the vendor.
        if rounds > 0, job == lastJob { return }
        // No broken connection but the vendor itself asks for a pause: each of these answers counts.
        if !isAsked, let lastRoundEnded, rounds > 0, began < lastRoundEnded { return }
        rounds += 1
        lastRoundEnded = now
        lastJob = job
        if rounds >= Self.roundsMax { open(.failing, reply, now: now, wall: wall) }
    }
}

extension LaneCircuit.Verdict {
    /// - Parameter answers: of one request, with the job of each.
    init(_ answers: [(job: Int64, answer: VendorAnswer)]) {
        var isAnswered = false
        var isAccepted = false
        var fault: (VendorReply, Int64)?
        var pause: Duration?
        var isThrough = false
        for (job, answer) in answers {
            if case .auth(let reply) = answer {
                self = .refused(reply)
                return
            }
            guard !answer.isLocal else { continue }
            switch answer {
            case .sent, .dead(_, _, false): isThrough = true
            case .drop: isAccepted = true
            case .dead(_, _, true), .slow, .auth: isAnswered = true
            case .retry(let reply, let after, _):
                fault = fault ?? (reply, job)
                pause = [pause, after].compactMap { $0 }.filter { $0 > .zero }.max()
            case .unknown(let reply): fault = fault ?? (reply, job)
            }
        }
        if isThrough {
            self = .through
        } else if isAccepted {
            self = .accepted
        } else if isAnswered {
            self = .answered
        } else if let fault {
            self = .failed(fault.0, job: fault.1, after: pause)
        } else {
            self = .nothing
        }
    }
}

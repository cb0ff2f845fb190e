/// A push that is ready to go out, with the job it is for.
struct PreparedPush: Sendable {
    let job: PushJob
    let push: VendorPush
    /// When the last try may begin; nil = this is the only one.
    let expiry: Milliseconds?
    /// What was taken from the tenant's budget for it.
    var use: BudgetUse?
}

/// Turns a job and what was read for it into a push, or says why none goes out. The one place before sending where a
/// push is skipped, put off or failed.
struct PushPreparation: Sendable {
    enum Verdict: Sendable {
        case push(PreparedPush)
        case change(PushJobChange)
    }

    let vendor: Vendor
    let canSendSilently: Bool
    /// ``VendorSender/repeatReplaces(_:)``.
    let replacesShown: @Sendable (VendorPush) -> Bool
    let limits: Limits
    let now: Milliseconds

    /// - Parameter subject: nil when the job waits no longer, or what it is made of is gone.
    func verdict(_ job: PushJob, _ subject: PushSubject?) -> Verdict {
        guard let subject else { return .change(.skipped(.cancelled)) }
        return job.turn > 0 ? replacement(job, subject) : notification(job, subject)
    }

    private func notification(_ job: PushJob, _ subject: PushSubject) -> Verdict {
        if subject.isBurned { return .change(.skipped(.burned)) }
        let verdict = FallbackRule.verdict(
            message: subject.message, device: subject.device, isAcknowledged: subject.isAcknowledged,
            isRead: subject.isRead, isConfigured: { _ in true }, canSendSilently: { _ in canSendSilently }, now: now)
        switch verdict {
        case .nothing: return .change(.skipped(.acknowledged))
        case .skip(let reason): return .change(.skipped(reason))
        case .push: break
        }
        let expiry = PushContent.expiresAt(subject.message, limits: limits)
        return ready(job, subject, expiry: expiry) { token in
            PushContent.push(
                subject, token: token, messageClass: job.messageClass, limits: limits, now: now)
        }
    }

    /// What takes the place of a notification that the device shows.
    private func replacement(_ job: PushJob, _ subject: PushSubject) -> Verdict {
        if let reason = FallbackRule.reasonAgainstReplacing(subject, now: now) { return .change(.skipped(reason)) }
        let isLive = subject.message.state == .live
        let expiry = min(job.expiresAt, isLive ? subject.message.expiresAt ?? .max : .max)
        let verdict = ready(job, subject, expiry: expiry) { token in
            PushContent.replacement(
                subject, token: token, messageClass: job.messageClass, expiresAt: expiry, limits: limits,
                now: now)
        }
        // Beside the one that is shown it would be a second notification of the same message.
        if case .push(let prepared) = verdict, !replacesShown(prepared.push) {
            return .change(.skipped(isLive ? .superseded : .revoked))
        }
        return verdict
    }

    private func ready(
        _ job: PushJob, _ subject: PushSubject, expiry: Milliseconds?, build: (PushToken) -> VendorPush
    ) -> Verdict {
        guard let token = subject.token else { return .change(.skipped(.noToken)) }
        // The device changed its tokens after the job was claimed: it is another vendor's job now, and this one must
        // neither see the token nor call it dead.
        guard token.vendor == vendor else { return .change(.released(at: now)) }
        if let expiry, now >= expiry { return .change(.skipped(.expired)) }
        return .push(PreparedPush(job: job, push: build(token), expiry: expiry))
    }
}

/// Which pushes travel in one request.
enum PushBatches {
    static func make(_ pushes: [PreparedPush], form: BatchForm) -> [[PreparedPush]] {
        switch form {
        case .single: return pushes.map { [$0] }
        case .anyContent(let max): return chunks(pushes, of: max)
        case .sameContent(let max):
            var places: [VendorPush: Int] = [:]
            var groups: [[PreparedPush]] = []
            for prepared in pushes {
                let content = prepared.push.content
                if let place = places[content] {
                    groups[place].append(prepared)
                } else {
                    places[content] = groups.count
                    groups.append([prepared])
                }
            }
            return groups.flatMap { chunks($0, of: max) }
        }
    }

    private static func chunks(_ pushes: [PreparedPush], of max: Int) -> [[PreparedPush]] {
        let size = Swift.max(1, max)
        return stride(from: 0, to: pushes.count, by: size).map {
            Array(pushes[$0..<Swift.min($0 + size, pushes.count)])
        }
    }
}

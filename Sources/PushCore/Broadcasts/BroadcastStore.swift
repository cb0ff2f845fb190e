/// What becomes of a send to many.
public enum JobState: String, Sendable, CaseIterable { case running, paused, done, cancelled }

/// A send to many as apps see it (contract, section 13, `/v1/broadcasts`).
public struct JobStatus: Sendable {
    public let id: String
    public let state: JobState
    /// Accounts when it was archived; nil until they are counted.
    public let audience: Int?
    /// Accounts handed to the broker.
    public let published: Int
    // Devices.
    public let acknowledged: Int
    public let pushed: Int
    public let failed: Int
    /// Devices that were not pushed, by reason.
    public let skipped: [String: Int]
    public let startedAt: Milliseconds
    public let finishedAt: Milliseconds?

    public init(
        id: String, state: JobState, audience: Int?, published: Int, acknowledged: Int, pushed: Int, failed: Int,
        skipped: [String: Int], startedAt: Milliseconds, finishedAt: Milliseconds?
    ) {
        self.id = id
        self.state = state
        self.audience = audience
        self.published = published
        self.acknowledged = acknowledged
        self.pushed = pushed
        self.failed = failed
        self.skipped = skipped
        self.startedAt = startedAt
        self.finishedAt = finishedAt
    }

    public var json: RawJSON {
        .object { writer in
            writer.member("id", id)
            writer.member("state", state.rawValue)
            if let audience { writer.member("audience", audience) } else { writer.null("audience") }
            writer.member("published", published)
            writer.member("acknowledged", acknowledged)
            writer.member("pushed", pushed)
            writer.member("failed", failed)
            writer.counts("skipped", skipped)
            writer.member("startedAt", startedAt)
            if let finishedAt { writer.member("finishedAt", finishedAt) } else { writer.null("finishedAt") }
        }
    }
}

extension JSONWriter {
    /// Counts by reason, in one order; nothing where there are none.
    mutating func counts(_ key: String, _ counts: [String: Int]) {
        guard !counts.isEmpty else { return }
        object(key) { writer in
            for (reason, count) in counts.sorted(by: { $0.key < $1.key }) { writer.member(reason, count) }
        }
    }
}

/// What an app does with a running job.
public enum JobAction: String, Sendable, CaseIterable {
    case cancel, pause, resume

    /// The state it leads to; nil where it cannot be done. Doing it again is no fault.
    public func next(from state: JobState) -> JobState? {
        switch (self, state) {
        case (.cancel, .running), (.cancel, .paused), (.cancel, .cancelled): .cancelled
        case (.pause, .running), (.pause, .paused): .paused
        case (.resume, .paused), (.resume, .running): .running
        default: nil
        }
    }
}

/// A broadcast that the broker does not have yet.
public struct UnpublishedBroadcast: Sendable {
    public let tenant: TenantKey
    public let entry: BroadcastEntry

    public init(tenant: TenantKey, entry: BroadcastEntry) {
        self.tenant = tenant
        self.entry = entry
    }
}

/// What one step of a job did.
public struct JobStep: Sendable {
    /// Devices or accounts that were looked at.
    public let walked: Int
    /// Whether a vendor push was queued.
    public let hasPushes: Bool

    public init(walked: Int, hasPushes: Bool) {
        self.walked = walked
        self.hasPushes = hasPushes
    }
}

/// Sends to everyone of a tenant or to everyone with some tags, as jobs. Implemented by PushStorage.
public protocol BroadcastStore: Sendable {
    /// Calls `listener` after each commit that put something on a broadcast channel: it must only signal.
    func onBroadcast(_ listener: @escaping @Sendable () -> Void)

    /// What the broker does not have yet: per tenant in the channel's order, with the messages as they are now.
    func unpublishedBroadcasts(limit: Int) async throws -> [UnpublishedBroadcast]
    /// The broker has these.
    func published(_ broadcasts: [UnpublishedBroadcast], at now: Milliseconds) async throws

    /// Messages whose jobs have something to do now, oldest first.
    func dueJobs(at now: Milliseconds, limit: Int) async throws -> [MessageKey]
    /// Takes a job one page further: what is decided for the page's devices or accounts, and the place where the next
    /// page begins, are one transaction. A kill in between repeats nothing and leaves nothing out. Devices that
    /// `isConnected` holds to be there get time to acknowledge.
    ///
    /// - Parameter startedAt: when this gateway started: devices have to come back first.
    func advanceJob(
        _ message: MessageKey, at now: Milliseconds, startedAt: Milliseconds,
        isConnected: @escaping @Sendable (String) -> Bool
    ) async throws -> JobStep

    /// The job of a message; nil when it has none.
    func job(of id: String, tenant: Tenant) async throws -> JobStatus?
    /// Throws `not_found`, and `conflict` where the job's state does not allow it.
    func change(_ action: JobAction, jobOf id: String, tenant: Tenant, at now: Milliseconds) async throws
}

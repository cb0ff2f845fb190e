/// How one vendor credential is doing right now. Nothing in it is secret.
public struct CredentialStatus: Sendable {
    public enum State: String, Sendable {
        case running
        /// It asked for a pause, or it failed so often that only a probe goes out now and then.
        case slowed
        /// It was refused, or stopped because too many of its tokens died: a probe each minute, a PUT of the settings
        /// or ``PushQueue/restart(tenant:app:vendor:)`` starts it again.
        case stopped
    }

    /// Why it is slowed or stopped.
    public enum Reason: Sendable {
        /// The vendor does not answer, or only with faults of its own.
        case failing
        /// The vendor asked for a slower pace.
        case pace
        case refused
        /// Too many of its tokens died.
        case tokensDying
    }

    public let tenantKey: TenantKey
    /// nil = the tenant's own.
    public let app: AppKey?
    public let vendor: Vendor
    /// Changes with every PUT of the settings.
    public let lane: Int64
    public let state: State
    /// nil where it runs.
    public let reason: Reason?
    /// What the vendor said when it was slowed or stopped, in its own words.
    public let code: String?
    public let text: String?
    /// Since when it is slowed or stopped.
    public let since: Milliseconds?
    /// The next push goes out at this time.
    public let until: Milliseconds?
    /// Requests that wait for the vendor's answer.
    public let underWay: Int

    public init(
        tenantKey: TenantKey, app: AppKey?, vendor: Vendor, lane: Int64, state: State,
        reason: Reason? = nil,
        code: String? = nil,
        text: String? = nil, since: Milliseconds? = nil, until: Milliseconds? = nil, underWay: Int = 0
    ) {
        self.tenantKey = tenantKey
        self.app = app
        self.vendor = vendor
        self.lane = lane
        self.state = state
        self.reason = reason
        self.code = code
        self.text = text
        self.since = since
        self.until = until
        self.underWay = underWay
    }
}

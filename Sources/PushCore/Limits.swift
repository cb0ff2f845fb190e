/// Every bound the gateway relies on, in one place, with its unit in the name.
public struct Limits: Sendable {
    // What a caller may send (contract, section 1).
    public var contentBytesMax = 32 * 1024
    public var requestBytesMax = 1024 * 1024
    public var batchMessagesMax = 500
    public var membersPerCallMax = 500
    public var groupMembersMax = 100_000
    public var audienceNamesMax = 1000
    /// Tags in each of `any`, `all` and `not`.
    public var audienceTagsMax = 100
    public var pushTokensPerDeviceMax = 10
    public var deviceInfoBytesMax = 4096
    /// Accounts in one import or one question for presence.
    public var usersPerCallMax = 500
    /// A phone that is away counts as reachable by a notification for this long after it was last seen.
    public var pushReachSeconds: Int64 = 7 * 86_400
    public var pageItemsMax = 500
    public var pageItemsDefault = 50
    /// An answer over MQTT, a page of `sync` among them: at most this, but always one item.
    public var mqttPageBytesMax = 64 * 1024
    /// Message ids behind the number of one conversation in an answer of `unread`, the oldest; and in all of them.
    public var unreadIDsPerPeerMax = 1000
    public var unreadIDsMax = 10_000
    /// Entries that one page of `history` looks at; a page of what nobody sees any more ends there, before its limit.
    public var historyEntriesReadMax = 10_000
    /// How late a copy may come into an inbox after its message was archived and still be found by a `history` that
    /// is bounded by time.
    public var historyLatenessMax: Duration = .seconds(86_400)

    // Callers. Rates are set by tenant (`TenantLimits`).
    /// Token buckets of devices, and as many of apps, kept at once.
    public var rateBucketsMax = 100_000
    /// Addresses whose attempts without a good credential are counted at once.
    public var attemptBucketsMax = 10_000

    // Lifetimes.
    public var credentialSeconds: Int64 = 7 * 86_400
    public var accessTokenSeconds: Int64 = 7200
    public var pushLifeDefaultSeconds: Int64 = 86_400
    public var timeToLiveSecondsMax: Int64 = 366 * 86_400

    // Archive.
    /// Commands waiting for the writer; beyond it a sender is answered 503 before anything is accepted.
    public var writerQueueCommandsMax = 10_000
    public var writerBatchCommandsMax = 512
    /// Messages of a batch or an import in one command of the writer, and entries after which it ends early: others'
    /// messages wait as long as one command takes.
    public var commandMessagesMax = 100
    public var commandEntriesMax = 4000
    /// How far ahead of the gateway's clock the time of an imported message may be.
    public var importAheadMax: Milliseconds = 86_400_000
    /// Receivers that are expanded in the sender's own transaction; larger audiences are walked in pages of this.
    public var expansionPageAccounts = 1000
    /// An answer to a call ends the ringing of an invitation that is at most this old …
    public var callAnswerWindow: Duration = .seconds(120)
    /// … and among this many newest entries of the conversation.
    public var callLookUpEntriesMax = 50
    /// Messages that one transaction of the retention looks at and erases at most.
    public var retentionPageMessages = 500
    public var retentionPause: Duration = .seconds(60)

    /// Entries of a deleted account that are erased in one transaction.
    public var erasurePageEntries = 500

    // Delivery.
    public var acknowledgementDeadline: Duration = .seconds(10)
    public var acknowledgementDeadlineInBackground: Duration = .seconds(2)
    public var acknowledgementDeadlineForCalls: Duration = .seconds(3)
    /// After a broker or gateway start every device counts as connected until the snapshot and this much longer.
    public var presenceDoubt: Duration = .seconds(15)
    /// A sender's `push.after` beyond this becomes a push job at once instead of a place in memory.
    public var longestWheelDelay: Duration = .seconds(60)
    public var feedEntriesMax = 16_384
    public var publishesOutstandingMax = 4000
    /// Messages whose change is remembered, so that only they are read again before they are published.
    public var changedMessagesMax = 4096

    // Sends to many.
    /// Devices of a broadcast that are decided in one transaction.
    public var jobPageDevices = 500
    /// Devices of broadcasts that are looked at, or accounts of tag sends that are expanded, in a second: what else the
    /// gateway does goes on beside.
    public var jobDevicesPerSecond = 20_000
    /// Broadcasts handed to the broker at once.
    public var broadcastsOutstandingMax = 32

    // Vendor push.
    /// Jobs of all credentials together that were taken from disk and whose outcome is not on disk yet.
    public var pushJobsInMemoryMax = 16_000
    public var pushRetryFirst: Duration = .seconds(1)
    public var pushRetryMax: Duration = .seconds(600)
    /// Milliseconds since 1970. While the clock says less it is wrong, and no push begins: vendors refuse for good what is
    /// signed with such a time. 0 believes any clock.
    public var clockBelievedFrom: Milliseconds = 0
    /// A shown notification is replaced this long after its message was changed: a device that is connected learns of
    /// it sooner and needs none.
    public var pushReplacementDelay: Duration = .seconds(2)

    // Uplink.
    public var uplinkRequestsWaitingMax = 20_000

    public init() {}

    /// These limits with what the tenant has set for its callers, which can only be less.
    public func effective(for tenant: Tenant) -> Limits {
        let set = tenant.settings.limits
        if set.contentBytes == nil, set.requestBytes == nil, set.batchMessages == nil { return self }
        func lesser(_ own: Int, _ tenants: Int64?) -> Int { tenants.map { min(own, Int(clamping: $0)) } ?? own }
        var limits = self
        limits.contentBytesMax = lesser(contentBytesMax, set.contentBytes)
        limits.requestBytesMax = lesser(requestBytesMax, set.requestBytes)
        limits.batchMessagesMax = lesser(batchMessagesMax, set.batchMessages)
        return limits
    }
}

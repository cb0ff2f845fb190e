/// The downlink of the entries of one batch, as the message is at one moment.
struct EntryRendering {
    /// The changes that had been made when the message was read.
    let changeCount: UInt64
    private let message: ArchivedMessage
    private let revision: Int
    /// Accounts that burned their copy while others still have theirs.
    private let burned: Set<AccountKey>
    private let builtAt: Milliseconds
    private let template: DownlinkTemplate
    private let burnedTemplate: DownlinkTemplate?
    /// Seconds of life that are left; nil where it has no end, or nothing that could outlive it.
    private let expirySeconds: UInt32?

    init(
        _ message: ArchivedMessage, revision: Int, burned: Set<AccountKey> = [], changeCount: UInt64, now: Milliseconds
    ) {
        self.message = message
        self.revision = revision
        self.burned = burned
        self.changeCount = changeCount
        builtAt = now
        template = DownlinkTemplate(message, revision: revision, now: now)
        burnedTemplate =
            burned.isEmpty ? nil : DownlinkTemplate(message, revision: revision, isBurned: true, now: now)
        expirySeconds = message.messageExpirySeconds(revision: revision, now: now)
    }

    /// The same with the life that is left now; nil where that makes no difference.
    func renewed(by clock: WallClock) -> EntryRendering? {
        guard expirySeconds != nil else { return nil }
        let now = clock.now
        guard now - builtAt >= 1000 else { return nil }
        return EntryRendering(message, revision: revision, burned: burned, changeCount: changeCount, now: now)
    }

    func payload(of entry: InboxEntry, account: String) -> (payload: [UInt8], expirySeconds: UInt32?) {
        if let burnedTemplate, burned.contains(entry.account) {
            return (burnedTemplate.payload(account: account, seq: entry.seq), nil)
        }
        return (template.payload(account: account, seq: entry.seq), expirySeconds)
    }
}

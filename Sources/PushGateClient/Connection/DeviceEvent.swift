/// What a device client reports.
public enum DeviceEvent: Sendable, Hashable {
    /// A message or event, in the order of its channel, once.
    case entry(Entry)
    /// Connected and subscribed; what was missed is being fetched.
    case connected
    /// Everything that the gateway had when it was asked has been handed over.
    case caughtUp
    /// The connection ended; the client connects again by itself. The text is for logs.
    case disconnected(String)
    /// The broker refused the credential (or a subscription) with this code: expired, revoked, moved to another user.
    /// The client goes on trying, with pauses: register again and give it the answer with
    /// ``DeviceClient/replaceCredential(_:)``, or disconnect.
    case refused(code: UInt8)
    /// The local store failed: nothing is acknowledged until it works again.
    case storeFailed(String)
    /// The gateway has fewer entries than this device had received: it was restored from an older copy.
    case rewound(Channel, to: Int64)
}

/// What a client has counted since it was made.
public struct DeviceCounters: Sendable, Hashable {
    /// Entries that came live, repeats included.
    public var received: Int64 = 0
    /// Entries that came in answers to `sync`.
    public var synchronized: Int64 = 0
    /// Entries handed over to the handler.
    public var delivered: Int64 = 0
    /// Entries dropped because they had been handed over, or sent by this device, before.
    public var repeats: Int64 = 0
    /// Jumps in `seq` that were filled.
    public var gapsHealed: Int64 = 0
    /// Numbers that the gateway itself left out. Not 0: it broke its promise.
    public var missing: Int64 = 0
    public var acknowledgementsSent: Int64 = 0
    /// Requests sent once more.
    public var requestsRepeated: Int64 = 0
    public var connects: Int64 = 0
    /// How often everything that had been missed was there.
    public var caughtUp: Int64 = 0
    /// Payloads that were no entries.
    public var unreadable: Int64 = 0

    public init() {}
}

/// Why a call of a device client failed without an answer of the gateway.
public enum DeviceClientError: Error, Sendable, Hashable {
    /// No reply in time. The request may have been carried out; repeat it with the same message id.
    case noReply
    /// More requests are waiting than ``DeviceClient/Options/requestsWaitingMax``.
    case tooManyRequests
    /// `disconnect` was called.
    case disconnected
    /// `connect` was called twice.
    case alreadyConnected
    /// The stream's buffer was full: the entry stays where it is and is fetched again.
    case streamIsFull
}

/// What the door a message came through knows of it beyond what its sender wrote.
public struct SendOptions: Sendable, Hashable {
    /// Numbers that its sender chose, of which its aliases are made; nil for a native message.
    public var numbers: Numbers?
    /// Whether the tenant's service is asked before it is archived, if it wants to be.
    public var asksBeforeSend = true
    /// Whether the tenant's service is told of it in Tencent's form (`ForbidCallbackControl`). Native webhooks always are.
    public var isReported = true
    /// Whom it is for where the door knows that otherwise than by the body: by tags and attributes that were checked.
    public var audience: Audience?

    public static let standard = SendOptions()

    public init() {}

    /// `MsgSeq` and `MsgRandom` as sent. A message of the same sender with the same numbers, receiver and content within
    /// ``recognizedFor`` is a repeat of the first one.
    public struct Numbers: Sendable, Hashable {
        /// nil: the gateway chooses, and a repeat is told without it.
        public var sequence: UInt32?
        public var random: UInt32
        /// `MsgTime` in seconds where it is not the time of archiving: of messages that share their `MsgKey`, and of
        /// imported ones.
        public var seconds: Int64?
        /// The sequence it gets where none was sent: chosen before it is archived, for whoever is told of it before.
        public var reserved: UInt32?
        /// `MsgTime` as the tenant's service was told it before archiving, in seconds: taken unless the aliases are then
        /// another message's.
        public var asked: Int64?
        /// How long a repeat without an id is recognized, in milliseconds; 0 = not at all.
        public var recognizedFor: Milliseconds

        public init(
            sequence: UInt32?, random: UInt32, seconds: Int64? = nil, recognizedFor: Milliseconds = repeatWindow
        ) {
            self.sequence = sequence
            self.random = random
            self.seconds = seconds
            self.recognizedFor = recognizedFor
        }

        /// ``recognizedFor`` of one-to-one messages.
        public static let repeatWindow: Milliseconds = 120_000
    }
}

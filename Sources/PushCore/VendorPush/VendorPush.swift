/// One notification (or silent data push) for one token, in no vendor's words yet. Built when it is sent, from the
/// message, the tenant's templates and the device; an adapter turns it into its vendor's request.
public struct VendorPush: Sendable, Hashable {
    /// The message's one id. Every payload carries it, so that the SDK can drop a repeat.
    public var messageID: String
    /// Edits of a message count up; the same id with a higher revision replaces the shown notification.
    public var revision: Int
    public var tenantNo: String
    public var account: String
    public var userID: String
    public var deviceID: String
    public var token: PushToken

    public var title: String
    public var subtitle: String?
    public var body: String
    /// URL of a picture.
    public var image: String?
    public var sound: String?
    public var badge: Int?
    /// A data push: nothing may be shown. Only `messageID` and `data` go out.
    public var isSilent: Bool
    /// The sender's own collapse key.
    public var collapseID: String?
    /// Seconds of life left when the push is handed over; 0 asks the vendor for one try now, without storing.
    public var timeToLiveSeconds: Int
    public var isHighPriority: Bool
    /// What vendors limit, price and ring apart.
    public var messageClass: MessageClass
    public var channel: String?
    public var category: String?
    public var action: ClickAction?
    /// The sender's own data, a JSON object.
    public var data: RawJSON?
    /// A JSON Merge Patch (RFC 7396) over the body the adapter built, from `push.vendor.{vendor}`. It cannot change
    /// the token, authentication or `messageId`.
    public var override: RawJSON?
    /// The peer account or group that the message belongs to for its receiver: notifications of one are grouped.
    public var conversation: String?
    /// What the device runs, where one vendor's tokens may be on several systems.
    public var osType: OSType

    /// What a person's tap does.
    public struct ClickAction: Sendable, Hashable {
        public enum Kind: String, Sendable { case app, url, page, intent }
        public let kind: Kind
        public let value: String

        public init(kind: Kind, value: String) {
            self.kind = kind
            self.value = value
        }
    }

    public init(
        messageID: String, revision: Int = 0, tenantNo: String, account: String, userID: String, deviceID: String,
        token: PushToken, title: String = "", subtitle: String? = nil, body: String = "", image: String? = nil,
        sound: String? = nil, badge: Int? = nil, isSilent: Bool = false, collapseID: String? = nil,
        timeToLiveSeconds: Int, isHighPriority: Bool = true, messageClass: MessageClass = .transactional,
        channel: String? = nil, category: String? = nil, action: ClickAction? = nil, data: RawJSON? = nil,
        override: RawJSON? = nil, conversation: String? = nil, osType: OSType = .unknown
    ) {
        self.messageID = messageID
        self.revision = revision
        self.tenantNo = tenantNo
        self.account = account
        self.userID = userID
        self.deviceID = deviceID
        self.token = token
        self.title = title
        self.subtitle = subtitle
        self.body = body
        self.image = image
        self.sound = sound
        self.badge = badge
        self.isSilent = isSilent
        self.collapseID = collapseID
        self.timeToLiveSeconds = timeToLiveSeconds
        self.isHighPriority = isHighPriority
        self.messageClass = messageClass
        self.channel = channel
        self.category = category
        self.action = action
        self.data = data
        self.override = override
        self.conversation = conversation
        self.osType = osType
    }

    /// The push without whom it is for: what pushes must have in common to travel in one request.
    public var content: VendorPush {
        var content = self
        (content.account, content.userID, content.deviceID) = ("", "", "")
        content.osType = .unknown
        content.token = PushToken(
            vendor: token.vendor, token: "", kind: token.kind, environment: token.environment)
        return content
    }

    /// A newer push with the same replace key takes the place of the one that is shown. It also makes a repeat
    /// after an unknown outcome harmless.
    public var replaceKey: String { collapseID ?? messageID }
}

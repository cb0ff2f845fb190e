import Logging
import PushCore

/// The use cases behind the HTTP door, and the few facts it cannot know by itself.
public struct HTTPServices: Sendable {
    public let authenticator: Authenticator
    public let rates: RateLimits
    public let administration: Administration
    public let statistics: Statistics
    public let metrics: GatewayMetrics
    public let quarantine: TokenQuarantine
    public let registry: DeviceRegistry
    public let accounts: Accounts
    public let groups: Groups
    public let tags: Tags
    public let messaging: Messaging
    public let imports: Imports
    public let changes: MessageChanges
    public let conversations: Conversations
    public let broadcasts: Broadcasts
    public let receipts: Receipts
    public let pushSettings: PushSettings
    public let vendorReceipts: VendorReceipts
    public let credentialChecks: CredentialChecks
    public let limitSettings: LimitSettings
    public let templateSettings: TemplateSettings
    public let webhooks: Webhooks
    /// The public keys of device credentials, a JSON Web Key Set.
    public let jwks: [UInt8]
    /// Names of what is missing for work (`store`, `broker`); empty = ready.
    public let missing: @Sendable () async -> [String]
    /// Where devices find the broker. The argument is the host of the request's `Host` field, without the port; nil
    /// when there is none that is valid.
    public let broker: @Sendable (String?) -> BrokerAddress
    public let limits: Limits
    public let clock: WallClock
    public let logger: Logger

    public init(
        authenticator: Authenticator, rates: RateLimits, administration: Administration, statistics: Statistics,
        metrics: GatewayMetrics, quarantine: TokenQuarantine,
        registry: DeviceRegistry, accounts: Accounts, groups: Groups, tags: Tags, messaging: Messaging,
        imports: Imports, changes: MessageChanges,
        conversations: Conversations, broadcasts: Broadcasts, receipts: Receipts, pushSettings: PushSettings,
        vendorReceipts: VendorReceipts, credentialChecks: CredentialChecks, limitSettings: LimitSettings,
        templateSettings: TemplateSettings, webhooks: Webhooks, jwks: [UInt8],
        missing: @escaping @Sendable () async -> [String], broker: @escaping @Sendable (String?) -> BrokerAddress,
        limits: Limits, clock: WallClock = .system, logger: Logger
    ) {
        self.clock = clock
        self.authenticator = authenticator
        self.rates = rates
        self.administration = administration
        self.statistics = statistics
        self.metrics = metrics
        self.quarantine = quarantine
        self.registry = registry
        self.accounts = accounts
        self.groups = groups
        self.tags = tags
        self.messaging = messaging
        self.imports = imports
        self.changes = changes
        self.conversations = conversations
        self.broadcasts = broadcasts
        self.receipts = receipts
        self.pushSettings = pushSettings
        self.vendorReceipts = vendorReceipts
        self.credentialChecks = credentialChecks
        self.limitSettings = limitSettings
        self.templateSettings = templateSettings
        self.webhooks = webhooks
        self.jwks = jwks
        self.missing = missing
        self.broker = broker
        self.limits = limits
        self.logger = logger
    }
}

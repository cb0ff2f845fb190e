/// What a tenant allows itself with one vendor credential: the vendor's console says what it is entitled to. nil = no
/// bound of ours. Days are those of the vendor's own quota (``Vendor/dayOffsetSeconds``).
public struct PushBudget: Sendable, Hashable {
    /// Pushes a day with this credential, all classes together.
    public var perDay: Int64?
    /// Of those, at most this many marketing pushes, so that they leave room for transactional ones.
    public var marketingPerDay: Int64?
    /// Pushes a day to one device.
    public var perDevicePerDay: Int64?
    public var marketingPerDevicePerDay: Int64?
    /// Pushes a second.
    public var perSecond: Int64?

    public static let unlimited = PushBudget()

    public init(
        perDay: Int64? = nil, marketingPerDay: Int64? = nil, perDevicePerDay: Int64? = nil,
        marketingPerDevicePerDay: Int64? = nil, perSecond: Int64? = nil
    ) {
        self.perDay = perDay
        self.marketingPerDay = marketingPerDay
        self.perDevicePerDay = perDevicePerDay
        self.marketingPerDevicePerDay = marketingPerDevicePerDay
        self.perSecond = perSecond
    }
}

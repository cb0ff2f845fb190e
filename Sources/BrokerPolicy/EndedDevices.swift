/// The devices whose credentials are void before they expire.
struct EndedDevices {
    enum PageResult: Equatable {
        case more
        case complete
        /// Not the next page; the list has to be sent again from page 0.
        case outOfOrder
    }

    /// About 250 MB of ids. A longer list is never complete, and so admits nobody.
    static let devicesMax = 2_000_000
    /// How long a device that ended just now is kept beside the full list. The list is read from the store before it is
    /// sent, and may be older than the command that came first.
    static let recentKept: Int64 = 3_600_000

    private var devices: Set<String> = []
    private var recent: [(device: String, at: Int64)] = []
    private var incoming: [String] = []
    private var nextPage = 0

    /// Whether a full list arrived, and nothing was left out since.
    private(set) var isKnown = false

    func contains(_ device: String) -> Bool {
        devices.contains(device)
    }

    /// Adds devices. When there is no room for them the list counts as unknown, and the next full one is waited for.
    ///
    /// - Parameter now: milliseconds since 1970.
    mutating func insert(_ ended: [String], at now: Int64) {
        recent.removeAll { $0.at &+ Self.recentKept < now }
        guard devices.count + ended.count <= Self.devicesMax else {
            isKnown = false
            return
        }
        for device in ended where devices.insert(device).inserted {
            recent.append((device, now))
        }
    }

    /// Takes a page of the full list. With the last page the list takes effect as a whole.
    ///
    /// - Parameter now: milliseconds since 1970.
    mutating func receive(page: Int, isLast: Bool, devices: [String], at now: Int64) -> PageResult {
        if page == 0 {
            incoming = []
            nextPage = 0
        }
        guard page == nextPage, incoming.count + devices.count <= Self.devicesMax else {
            incoming = []
            nextPage = 0
            return .outOfOrder
        }
        incoming += devices
        nextPage += 1
        guard isLast else { return .more }
        recent.removeAll { $0.at &+ Self.recentKept < now }
        self.devices = Set(incoming).union(recent.map(\.device))
        incoming = []
        nextPage = 0
        isKnown = true
        return .complete
    }
}

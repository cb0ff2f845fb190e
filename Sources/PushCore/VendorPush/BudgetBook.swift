import Synchronization

/// What a device was sent on one day of a vendor, by class.
public struct DeviceUsage: Sendable, Hashable {
    /// nil where no budget bounds devices.
    public var device: DeviceKey?
    /// Since 1970, by the vendor's clock.
    public var day: Int64
    public var transactional: Int64
    public var marketing: Int64

    public init(device: DeviceKey? = nil, day: Int64 = 0, transactional: Int64 = 0, marketing: Int64 = 0) {
        self.device = device
        self.day = day
        self.transactional = transactional
        self.marketing = marketing
    }
}

/// One accepted push in the ledger: written in the transaction that says that it was accepted.
public struct BudgetUse: Sendable, Hashable {
    public let tenant: TenantKey
    /// nil: the tenant's own credential.
    public let app: AppKey?
    public let vendor: Vendor
    /// Since 1970, by the vendor's clock.
    public let day: Int64
    public let messageClass: MessageClass
    /// Counted for this device as well.
    public let device: DeviceKey?

    public init(
        tenant: TenantKey, app: AppKey?, vendor: Vendor, day: Int64, messageClass: MessageClass, device: DeviceKey?
    ) {
        self.tenant = tenant
        self.app = app
        self.vendor = vendor
        self.day = day
        self.messageClass = messageClass
        self.device = device
    }
}

/// A row of the ledger: pushes of a day with one credential.
public struct BudgetRow: Sendable, Hashable {
    public let tenant: TenantKey
    public let app: AppKey?
    public let vendor: Vendor
    public let day: Int64
    public let messageClass: MessageClass
    public let used: Int64

    public init(
        tenant: TenantKey, app: AppKey?, vendor: Vendor, day: Int64, messageClass: MessageClass, used: Int64
    ) {
        self.tenant = tenant
        self.app = app
        self.vendor = vendor
        self.day = day
        self.messageClass = messageClass
        self.used = used
    }
}

public enum BudgetVerdict: Sendable, Equatable {
    case granted
    /// The day's budget is used up: the vendor's next day begins then, or the pushes that have the last of it may have
    /// their answers.
    case later(Milliseconds)
}

/// Who may still send today, over all credentials. What is granted counts at once, so that pushes under way together
/// cannot overdraw; what was not accepted is given back.
///
/// Of a daily budget the last fifth (rounded up) is for transactional pushes alone, of a credential as of a device:
/// marketing may be sent first and in any number, and still never starves them.
public final class BudgetBook: Sendable {
    private struct Credential: Hashable {
        let tenant: TenantKey
        let app: AppKey?
        let vendor: Vendor
    }

    private struct Person: Hashable {
        let device: DeviceKey
        let vendor: Vendor
    }

    private struct Used {
        let day: Int64
        var transactional: Int64 = 0
        var marketing: Int64 = 0
        /// Of these, granted and neither accepted nor given back yet.
        var pendingTransactional: Int64 = 0
        var pendingMarketing: Int64 = 0

        var total: Int64 { transactional + marketing }

        mutating func add(_ count: Int64, _ messageClass: MessageClass) {
            switch messageClass {
            case .transactional: transactional = max(0, transactional + count)
            case .marketing: marketing = max(0, marketing + count)
            }
        }

        mutating func addPending(_ count: Int64, _ messageClass: MessageClass) {
            switch messageClass {
            case .transactional: pendingTransactional = max(0, pendingTransactional + count)
            case .marketing: pendingMarketing = max(0, pendingMarketing + count)
            }
        }

        /// As it would be if none of the pushes under way were accepted.
        var settled: Used {
            Used(
                day: day, transactional: max(0, transactional - pendingTransactional),
                marketing: max(0, marketing - pendingMarketing))
        }
    }

    /// The last days of one credential or device: a clock that is set forward and back finds what it had used.
    private struct Days {
        private(set) var days: [Used] = []

        private static let daysMax = 2

        subscript(day: Int64) -> Used? {
            get { days.first { $0.day == day } }
            set {
                days.removeAll { $0.day == day }
                guard let newValue else { return }
                days.append(newValue)
                if days.count > Self.daysMax { days.removeFirst() }
            }
        }
    }

    private struct State {
        var credentials: [Credential: Days] = [:]
        var people: [Person: Days] = [:]
    }

    private let state = Mutex(State())
    private let peopleMax: Int

    public init(devicesMax: Int = 200_000) { peopleMax = max(1, devicesMax) }

    /// What was used before, as the ledger has it. Called once, before the first reservation.
    public func load(_ rows: [BudgetRow]) {
        state.withLock { state in
            for row in rows {
                let key = Credential(tenant: row.tenant, app: row.app, vendor: row.vendor)
                var used = state.credentials[key]?[row.day] ?? Used(day: row.day)
                used.add(row.used, row.messageClass)
                state.credentials[key, default: Days()][row.day] = used
            }
        }
    }

    /// Takes one push from the credential's budget, and from the device's where that has one.
    ///
    /// - Parameter deviceUsed: as it is on disk for ``day(of:at:)``; what was granted since the start is known here.
    public func reserve(
        _ settings: VendorSettings, budget: PushBudget, messageClass: MessageClass, deviceUsed: DeviceUsage,
        now: Milliseconds
    ) -> BudgetVerdict {
        let day = Self.day(of: settings.vendor, at: now)
        let later = BudgetVerdict.later(Self.nextDay(of: settings.vendor, at: now))
        // What is under way may be refused: whether there is room is known when it has its answer.
        let soon = BudgetVerdict.later(now + Self.soonMilliseconds)
        return state.withLock { state in
            let key = Self.credential(settings)
            var used = state.credentials[key]?[day] ?? Used(day: day)
            guard
                Self.hasRoom(used, messageClass, total: budget.perDay, marketing: budget.marketingPerDay)
            else {
                let isWaiting = Self.hasRoom(
                    used.settled, messageClass, total: budget.perDay, marketing: budget.marketingPerDay)
                return isWaiting ? soon : later
            }
            if budget.boundsDevices, let device = deviceUsed.device {
                let person = Person(device: device, vendor: settings.vendor)
                var sent = state.people[person]?[day] ?? Used(day: day)
                if deviceUsed.day == day {
                    sent.transactional = max(sent.transactional, deviceUsed.transactional)
                    sent.marketing = max(sent.marketing, deviceUsed.marketing)
                }
                func hasRoom(_ sent: Used) -> Bool {
                    Self.hasRoom(
                        sent, messageClass, total: budget.perDevicePerDay,
                        marketing: budget.marketingPerDevicePerDay)
                }
                guard hasRoom(sent) else { return hasRoom(sent.settled) ? soon : later }
                sent.add(1, messageClass)
                sent.addPending(1, messageClass)
                if state.people[person] == nil, state.people.count >= peopleMax {
                    Self.makeRoom(in: &state.people, today: day)
                }
                state.people[person, default: Days()][day] = sent
            }
            used.add(1, messageClass)
            used.addPending(1, messageClass)
            state.credentials[key, default: Days()][day] = used
            return .granted
        }
    }

    /// A push that was granted was not accepted.
    public func giveBack(_ use: BudgetUse) { end(use, isAccepted: false) }

    /// The push was accepted: it stays counted.
    func accepted(_ use: BudgetUse) { end(use, isAccepted: true) }

    private func end(_ use: BudgetUse, isAccepted: Bool) {
        let key = Credential(tenant: use.tenant, app: use.app, vendor: use.vendor)
        state.withLock { state in
            state.credentials[key]?[use.day]?.addPending(-1, use.messageClass)
            if !isAccepted { state.credentials[key]?[use.day]?.add(-1, use.messageClass) }
            guard let device = use.device else { return }
            let person = Person(device: device, vendor: use.vendor)
            state.people[person]?[use.day]?.addPending(-1, use.messageClass)
            if !isAccepted { state.people[person]?[use.day]?.add(-1, use.messageClass) }
        }
    }

    /// How soon a push looks again where the last of the budget is under way.
    static let soonMilliseconds: Milliseconds = 1000

    /// What the accepted push of a reservation writes into the ledger.
    public static func use(
        _ settings: VendorSettings, budget: PushBudget, messageClass: MessageClass, device: DeviceKey,
        now: Milliseconds
    ) -> BudgetUse {
        BudgetUse(
            tenant: settings.tenantKey, app: settings.app, vendor: settings.vendor,
            day: day(of: settings.vendor, at: now), messageClass: messageClass,
            device: budget.boundsDevices ? device : nil)
    }

    /// Devices whose use is remembered.
    var deviceCount: Int { state.withLock { $0.people.count } }

    // MARK: Rules

    private static func hasRoom(_ used: Used, _ messageClass: MessageClass, total: Int64?, marketing: Int64?) -> Bool {
        room(used: (used.transactional, used.marketing), messageClass, total: total, marketing: marketing)
            .map { $0 > 0 } ?? true
    }

    /// How many pushes of a class may still go out; nil = any number.
    static func room(
        used: (transactional: Int64, marketing: Int64), _ messageClass: MessageClass, total: Int64?, marketing: Int64?
    ) -> Int64? {
        let left = total.map { max(0, $0 - used.transactional - used.marketing) }
        guard messageClass == .marketing else { return left }
        let ownLeft = marketing.map { max(0, $0 - used.marketing) }
        guard let left, let total else { return ownLeft }
        return min(ownLeft ?? .max, max(0, left - keptForTransactional(of: total)))
    }

    private static func keptForTransactional(of total: Int64) -> Int64 { total / 5 + (total % 5 == 0 ? 0 : 1) }

    private static func credential(_ settings: VendorSettings) -> Credential {
        Credential(tenant: settings.tenantKey, app: settings.app, vendor: settings.vendor)
    }

    /// Devices of other days are forgotten first. Where that frees too little all are: the ledger still knows them.
    private static func makeRoom(in people: inout [Person: Days], today: Int64) {
        let before = people.count
        // A vendor's day may be one ahead of another's.
        people = people.filter { person in
            person.value.days.contains { abs($0.day - today) <= 1 && $0.total > 0 }
        }
        if people.count > before / 4 * 3 { people.removeAll(keepingCapacity: true) }
    }

    // MARK: Days

    private static let dayMilliseconds: Int64 = 86_400_000

    /// The vendor's day at this time, since 1970.
    public static func day(of vendor: Vendor, at now: Milliseconds) -> Int64 {
        let local = now + vendor.dayOffsetSeconds * 1000
        return local >= 0 ? local / dayMilliseconds : (local - dayMilliseconds + 1) / dayMilliseconds
    }

    public static func nextDay(of vendor: Vendor, at now: Milliseconds) -> Milliseconds {
        (day(of: vendor, at: now) + 1) * dayMilliseconds - vendor.dayOffsetSeconds * 1000
    }
}

extension Vendor {
    /// Seconds by which the day of the vendor's quotas is ahead of UTC: phone makers in China count by Beijing's.
    public var dayOffsetSeconds: Int64 {
        switch self {
        case .huawei, .honor, .xiaomi, .oppo, .vivo, .meizu: 8 * 3600
        case .apns, .fcm, .webpush, .wns, .webhook: 0
        }
    }
}

extension PushBudget {
    /// Whether anything bounds what one device is sent.
    public var boundsDevices: Bool { perDevicePerDay != nil || marketingPerDevicePerDay != nil }
}

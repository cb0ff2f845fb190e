import Logging

/// The ledger of accepted pushes on disk. Rows are written with the pushes themselves. Implemented by PushStorage.
public protocol PushLedgerStore: Sendable {
    /// Rows of that day and later.
    func pushUsage(sinceDay day: Int64) async throws -> [BudgetRow]
    /// What one credential has used on one day.
    func pushUsage(tenant: TenantKey, app: AppKey?, vendor: Vendor, day: Int64) async throws -> [MessageClass: Int64]
    /// Removes some rows of earlier days. Returns whether there are more.
    func prunePushUsage(beforeDay day: Int64, devicesBeforeDay deviceDay: Int64) async throws -> Bool
}

/// What tenants have used of their vendors' budgets.
public final class PushLedger: Sendable {
    public let book: BudgetBook
    private let store: any PushLedgerStore
    private let clock: WallClock
    private let logger: Logger

    /// Days that the ledger tells of.
    private static let keptDays: Int64 = 92
    /// Days after which nobody asks what a device was sent.
    private static let deviceKeptDays: Int64 = 3
    private static let pause: Duration = .seconds(3600)

    public init(store: any PushLedgerStore, clock: WallClock, logger: Logger, book: BudgetBook = BudgetBook()) {
        self.store = store
        self.book = book
        self.clock = clock
        self.logger = logger
    }

    /// At start, before the first push goes out.
    public func load() async throws {
        // The earliest day that may still be today somewhere.
        book.load(try await store.pushUsage(sinceDay: today))
    }

    private var today: Int64 { clock.now / 86_400_000 }

    /// Runs until the task is cancelled: removes what is too old, at once and then every hour.
    public func run() async {
        while !Task.isCancelled {
            do {
                while !Task.isCancelled,
                    try await store.prunePushUsage(
                        beforeDay: today - Self.keptDays, devicesBeforeDay: today - Self.deviceKeptDays)
                {}
            } catch {
                if Task.isCancelled { return }
                logger.warning("old days of the push ledger were not removed", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: Self.pause)  // throws on cancellation only
        }
    }

    /// What a credential has used of its budget today: `{day, used, left, budget}`.
    func usage(tenant: TenantKey, app: AppKey?, vendor: Vendor, budget: PushBudget) async throws -> RawJSON {
        let day = BudgetBook.day(of: vendor, at: clock.now)
        let used = try await store.pushUsage(tenant: tenant, app: app, vendor: vendor, day: day)
        let counts = (transactional: used[.transactional] ?? 0, marketing: used[.marketing] ?? 0)
        return .object { writer in
            writer.member("vendor", vendor.rawValue)
            writer.member("day", Self.date(day))
            writer.object("used") { writer in
                for kind in MessageClass.allCases { writer.member(kind.name, used[kind] ?? 0) }
            }
            if budget.perDay == nil, budget.marketingPerDay == nil {
                writer.null("left")
            } else {
                writer.object("left") { writer in
                    for kind in MessageClass.allCases {
                        let room = BudgetBook.room(
                            used: counts, kind, total: budget.perDay, marketing: budget.marketingPerDay)
                        writer.member(kind.name, ifPresent: room)
                    }
                }
            }
            writer.member("budget", budget.json)
        }
    }

    /// A day since 1970 as `YYYY-MM-DD` (proleptic Gregorian, "days from civil" turned round).
    static func date(_ day: Int64) -> String {
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let dayOfMonth = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        func padded(_ number: Int64, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(dayOfMonth, 2))"
    }
}

extension PushBudget {
    /// The members of `quota` in a vendor's settings, each a whole number from 1 on.
    public static var fields: [(name: String, path: WritableKeyPath<PushBudget, Int64?>)] {
        [
            ("perDay", \.perDay), ("marketingPerDay", \.marketingPerDay), ("perDevicePerDay", \.perDevicePerDay),
            ("marketingPerDevicePerDay", \.marketingPerDevicePerDay), ("perSecond", \.perSecond),
        ]
    }

    /// Without what is not bounded.
    public var json: RawJSON {
        .object { writer in
            for field in Self.fields { writer.member(field.name, ifPresent: self[keyPath: field.path]) }
        }
    }
}

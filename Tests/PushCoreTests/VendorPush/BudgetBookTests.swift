import Testing

@testable import PushCore

@Suite struct BudgetBookTests {
    /// 2027-01-15, 08:00 UTC.
    private let now: Milliseconds = 1_800_000_000_000
    private let day: Milliseconds = 86_400_000
    private let book = BudgetBook()

    private func settings(_ vendor: Vendor = .fcm, app: Int64? = nil, tenant: Int64 = 1) -> VendorSettings {
        VendorSettings(
            lane: 1, tenantKey: TenantKey(rawValue: tenant), app: app.map(AppKey.init(rawValue:)), vendor: vendor,
            settings: .emptyObject)
    }

    private func use(_ messageClass: MessageClass, device: DeviceKey? = nil) -> BudgetUse {
        BudgetUse(
            tenant: settings().tenantKey, app: nil, vendor: .fcm, day: BudgetBook.day(of: .fcm, at: now),
            messageClass: messageClass, device: device)
    }

    /// How many of `count` are granted; each is accepted at once.
    private func granted(
        _ count: Int, _ budget: PushBudget, _ messageClass: MessageClass = .transactional, vendor: Vendor = .fcm,
        app: Int64? = nil, tenant: Int64 = 1, device: DeviceUsage = DeviceUsage(), at time: Milliseconds? = nil
    ) -> Int {
        (0..<count).count { _ in
            let settings = settings(vendor, app: app, tenant: tenant)
            let verdict = book.reserve(
                settings, budget: budget, messageClass: messageClass, deviceUsed: device, now: time ?? now)
            guard verdict == .granted else { return false }
            book.accepted(
                BudgetUse(
                    tenant: settings.tenantKey, app: settings.app, vendor: vendor,
                    day: BudgetBook.day(of: vendor, at: time ?? now), messageClass: messageClass,
                    device: budget.boundsDevices ? device.device : nil))
            return true
        }
    }

    @Test func `without a budget everything goes out`() {
        #expect(granted(1000, .unlimited) == 1000)
        #expect(granted(1000, PushBudget(perSecond: 1), .marketing) == 1000)
    }

    @Test func `a day's budget ends at the vendor's midnight`() {
        let budget = PushBudget(perDay: 3)
        #expect(granted(5, budget) == 3)
        let midnight = now + 16 * 3_600_000
        #expect(
            book.reserve(
                settings(), budget: budget, messageClass: .transactional, deviceUsed: DeviceUsage(), now: now)
                == .later(midnight))
        #expect(granted(1, budget, at: midnight - 1) == 0)
        #expect(granted(5, budget, at: midnight) == 3)
        // A maker in China counts by Beijing's clock, eight hours ahead: it is 16:00 there.
        #expect(granted(5, budget, vendor: .xiaomi) == 3)
        #expect(
            book.reserve(
                settings(.xiaomi), budget: budget, messageClass: .transactional, deviceUsed: DeviceUsage(), now: now)
                == .later(now + 8 * 3_600_000))
        #expect(granted(5, budget, vendor: .xiaomi, at: now + 8 * 3_600_000) == 3)
    }

    @Test(arguments: [PushBudget(perDay: 2), PushBudget(perDevicePerDay: 2)])
    func `where the last of a budget is under way, a push looks again soon`(budget: PushBudget) {
        let device = DeviceUsage(device: DeviceKey(rawValue: 1), day: BudgetBook.day(of: .fcm, at: now))
        func reserve() -> BudgetVerdict {
            book.reserve(
                settings(), budget: budget, messageClass: .transactional, deviceUsed: device, now: now)
        }
        let use = BudgetBook.use(
            settings(), budget: budget, messageClass: .transactional, device: DeviceKey(rawValue: 1),
            now: now)
        #expect(reserve() == .granted && reserve() == .granted)
        #expect(reserve() == .later(now + 1000))
        book.accepted(use)
        #expect(reserve() == .later(now + 1000))
        book.giveBack(use)
        #expect(reserve() == .granted)
        book.accepted(use)
        #expect(reserve() == .later(now + 16 * 3_600_000), "the day is over")
    }

    @Test func `a clock that is set forward and back does not renew a budget`() {
        let budget = PushBudget(perDay: 2)
        #expect(granted(3, budget) == 2)
        #expect(granted(1, budget, at: now + day) == 1)
        #expect(granted(3, budget) == 0)
        #expect(granted(3, budget, at: now + day) == 1)
    }

    @Test func `credentials have budgets of their own`() {
        let budget = PushBudget(perDay: 1)
        #expect(granted(2, budget) == 1)
        #expect(granted(2, budget, app: 1) == 1)
        #expect(granted(2, budget, app: 2) == 1)
        #expect(granted(2, budget, tenant: 2) == 1)
        #expect(granted(2, budget, vendor: .apns) == 1)
    }

    @Test func `marketing never takes what is kept for transactional pushes`() {
        let budget = PushBudget(perDay: 10)
        #expect(granted(20, budget, .marketing) == 8)
        #expect(granted(20, budget, .transactional) == 2)
        // Whoever comes first.
        #expect(granted(5, budget, .transactional, app: 1) == 5)
        #expect(granted(20, budget, .marketing, app: 1) == 3)
        #expect(granted(20, budget, .transactional, app: 1) == 2)
        #expect(granted(5, PushBudget(perDay: 1), .marketing, app: 2) == 0)
        #expect(granted(5, PushBudget(perDay: 1), .transactional, app: 2) == 1)
        #expect(granted(5, PushBudget(perDay: 6), .marketing, app: 3) == 4)
    }

    @Test func `marketing has a bound of its own`() {
        #expect(granted(20, PushBudget(marketingPerDay: 3), .marketing) == 3)
        #expect(granted(20, PushBudget(marketingPerDay: 3), .transactional) == 20)
        #expect(granted(20, PushBudget(perDay: 10, marketingPerDay: 3), .marketing, app: 1) == 3)
        #expect(granted(20, PushBudget(perDay: 10, marketingPerDay: 3), .transactional, app: 1) == 7)
        #expect(granted(20, PushBudget(perDay: 10, marketingPerDay: 30), .marketing, app: 2) == 8)
    }

    @Test func `what was not accepted is given back, on its own day`() {
        let budget = PushBudget(perDay: 2)
        #expect(granted(3, budget) == 2)
        book.giveBack(use(.transactional))
        #expect(granted(3, budget) == 1)
        #expect(granted(3, budget, at: now + day) == 2)
        book.giveBack(use(.transactional))
        #expect(granted(3, budget, at: now + day) == 0)
    }

    @Test func `a device has a budget, from disk and from what is under way`() {
        let today = BudgetBook.day(of: .fcm, at: now)
        let ann = DeviceUsage(device: DeviceKey(rawValue: 1), day: today, transactional: 1, marketing: 1)
        let bob = DeviceUsage(device: DeviceKey(rawValue: 2), day: today)
        let budget = PushBudget(perDay: 100, perDevicePerDay: 5, marketingPerDevicePerDay: 2)
        #expect(granted(9, budget, .marketing, device: ann) == 1)
        #expect(granted(9, budget, .transactional, device: ann) == 2)
        #expect(granted(9, budget, .marketing, device: bob) == 2)
        book.giveBack(use(.marketing, device: bob.device))
        #expect(granted(9, budget, .marketing, device: bob) == 1)
        #expect(granted(9, budget, .transactional, device: bob) == 3)
        // What was refused for the device was not taken from the credential: three and five are.
        #expect(granted(200, PushBudget(perDay: 100)) == 92)
        // Yesterday's rows are no today's.
        let cat = DeviceUsage(device: DeviceKey(rawValue: 3), day: today - 1, transactional: 5)
        #expect(granted(9, PushBudget(perDevicePerDay: 5), device: cat) == 5)
    }

    @Test func `devices that are remembered are bounded`() {
        let small = BudgetBook(devicesMax: 10)
        let today = BudgetBook.day(of: .fcm, at: now)
        for key in 1...1000 {
            let verdict = small.reserve(
                settings(), budget: PushBudget(perDevicePerDay: 1), messageClass: .transactional,
                deviceUsed: DeviceUsage(device: DeviceKey(rawValue: Int64(key)), day: today), now: now)
            #expect(verdict == .granted)
        }
        #expect(small.deviceCount <= 10)
    }

    @Test func `the ledger is taken up at start`() {
        let today = BudgetBook.day(of: .fcm, at: now)
        func row(_ day: Int64, _ messageClass: MessageClass, _ used: Int64) -> BudgetRow {
            BudgetRow(
                tenant: TenantKey(rawValue: 1), app: nil, vendor: .fcm, day: day, messageClass: messageClass, used: used
            )
        }
        book.load([row(today, .marketing, 3), row(today - 1, .marketing, 50), row(today, .transactional, 4)])
        #expect(granted(20, PushBudget(perDay: 10)) == 3)
    }

    @Test func `days have dates`() {
        #expect(PushLedger.date(0) == "1970-01-01")
        #expect(PushLedger.date(20_468) == "2026-01-15")
        #expect(PushLedger.date(19_782) == "2024-02-29")
        #expect(PushLedger.date(19_783) == "2024-03-01")
        #expect(PushLedger.date(-1) == "1969-12-31")
    }
}

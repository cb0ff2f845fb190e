/// Takes pushes that are ready from the budget of their credential, or puts them off to the vendor's next day.
struct BudgetGate: Sendable {
    let book: BudgetBook
    let settings: VendorSettings
    let budget: PushBudget
    let now: Milliseconds

    /// A push that would not live until the next day is skipped.
    func admit(_ prepared: PreparedPush, usage: DeviceUsage) -> PushPreparation.Verdict {
        var usage = usage
        usage.device = prepared.job.device
        let messageClass = prepared.push.messageClass
        switch book.reserve(
            settings, budget: budget, messageClass: messageClass, deviceUsed: usage, now: now)
        {
        case .granted:
            var admitted = prepared
            admitted.use = BudgetBook.use(
                settings, budget: budget, messageClass: messageClass, device: prepared.job.device, now: now)
            return .push(admitted)
        case .later(let next):
            guard let expiry = prepared.expiry, next < expiry else { return .change(.skipped(.quota)) }
            return .change(.released(at: next))
        }
    }
}

/// How often each message reached each account. Two devices of one account count as two.
struct DeliveryCount {
    /// Accounts by a small number: a broadcast to thousands has thousands of entries here.
    private var numbers: [String: UInt32] = [:]
    private var counts: [String: [UInt32: UInt32]] = [:]
    private(set) var total: Int64 = 0

    mutating func number(of account: String) -> UInt32 {
        if let number = numbers[account] { return number }
        let number = UInt32(numbers.count)
        numbers[account] = number
        return number
    }

    mutating func add(messageID: String, account: UInt32, keepsEach: Bool) {
        total += 1
        if keepsEach { counts[messageID, default: [:]][account, default: 0] += 1 }
    }

    func count(messageID: String, account: String) -> Int {
        guard let number = numbers[account] else { return 0 }
        return Int(counts[messageID]?[number] ?? 0)
    }

    /// Over all accounts.
    func count(messageID: String) -> Int { Int(counts[messageID]?.values.reduce(0, +) ?? 0) }

    /// Accounts that have the message.
    func accounts(messageID: String) -> Int { counts[messageID]?.count ?? 0 }

    /// The highest count of one message at one account.
    var most: Int { Int(counts.values.lazy.compactMap { $0.values.max() }.max() ?? 0) }
}

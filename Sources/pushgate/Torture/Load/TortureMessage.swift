import PushGateClient

/// Message number n of a run: who writes what to whom through which door. The same for the same seed.
struct TortureMessage: Sendable {
    enum Door: Sendable {
        case http(TortureWorld.Tenant)
        case mqtt(TortureDevice)
    }

    let number: Int
    let door: Door
    let message: OutgoingMessage
    let attempt: LedgerLine

    private static let groupShare = 0.15

    init(_ number: Int, seed: UInt64, world: TortureWorld) {
        var random = SeededRandom(seed: seed, .message, number)
        let tenant = world.tenants[Int.random(in: 0..<world.tenants.count, using: &random)]
        let overMQTT = number.isMultiple(of: 2)
        let group =
            random.chance(Self.groupShare)
            ? tenant.groups[Int.random(in: 0..<tenant.groups.count, using: &random)] : nil
        let writers = (group?.members ?? Array(tenant.accounts.indices)).filter {
            !overMQTT || !tenant.accounts[$0].senders.isEmpty
        }
        // Every other message over HTTP is the app's own.
        let isOfApp = !overMQTT && random.chance(0.5)
        let author = isOfApp ? nil : writers.randomElement(using: &random).map { tenant.accounts[$0] }
        let sender = overMQTT ? author?.senders.randomElement(using: &random) : nil
        let text = String(repeating: "x", count: Int.random(in: 20...400, using: &random))
        var accounts: [Int]
        let to: String
        if let group {
            accounts = group.members.map { tenant.accounts[$0].index }
            to = group.id
        } else {
            let others = tenant.accounts.filter { $0.index != author?.index }
            let receiver = others[Int.random(in: 0..<others.count, using: &random)]
            accounts = [receiver.index] + (author.map { [$0.index] } ?? [])
            to = receiver.id
        }
        self.number = number
        door = sender.map(Door.mqtt) ?? .http(tenant)
        var message = OutgoingMessage(id: Ledger.id(of: number), to: to, text: text)
        if sender == nil { message.from = author?.id }
        // A jump of the clock by a day is no reason to let a push expire.
        message.push = ["ttl": 30_000_000]
        self.message = message
        attempt = .attempt(message: number, sender: sender?.index, author: author?.index, accounts: accounts)
    }
}

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
    /// What its sender does with it afterwards, one after the other.
    let changes: [(after: Duration, change: TortureChange)]

    private static let groupShare = 0.15
    /// Each reaches sixty devices.
    private static let broadcastShare = 0.002

    init(_ number: Int, seed: UInt64, world: TortureWorld) {
        var random = SeededRandom(seed: seed, .message, number)
        self =
            random.chance(Self.broadcastShare)
            ? TortureMessage(broadcast: number, &random, world: world)
            : TortureMessage(number, &random, world: world)
    }

    private init(broadcast number: Int, _ random: inout SeededRandom, world: TortureWorld) {
        let index = Int.random(in: 0..<world.tenants.count, using: &random)
        let tenant = world.tenants[index]
        self.number = number
        door = .http(tenant)
        var message = OutgoingMessage(id: Ledger.id(of: number), to: nil, text: Self.text(&random))
        message.audience = ["all": true]
        message.push = Self.push
        self.message = message
        attempt = .broadcast(message: number, tenant: index, accounts: tenant.accounts.map(\.index))
        changes = TortureChange.choose(&random)
    }

    /// An app's message to a group, which stays as it is.
    init(_ number: Int, of tenant: TortureWorld.Tenant, toGroup group: String, accounts: [Int]) {
        self.number = number
        door = .http(tenant)
        var message = OutgoingMessage(id: Ledger.id(of: number), to: group, text: "message \(number)")
        message.push = Self.push
        self.message = message
        attempt = .attempt(message: number, sender: nil, author: nil, accounts: accounts)
        changes = []
    }

    private static func text(_ random: inout SeededRandom) -> String {
        String(repeating: "x", count: Int.random(in: 20...400, using: &random))
    }

    /// A jump of the clock by a day is no reason to let a push expire.
    static let push: JSONValue = ["ttl": 30_000_000]

    private init(_ number: Int, _ random: inout SeededRandom, world: TortureWorld) {
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
        let text = Self.text(&random)
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
        message.push = Self.push
        self.message = message
        attempt = .attempt(message: number, sender: sender?.index, author: author?.index, accounts: accounts)
        changes = TortureChange.choose(&random)
    }
}

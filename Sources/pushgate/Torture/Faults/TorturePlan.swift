/// How often each thing goes wrong, and for how long.
struct TorturePlan: Sendable {
    enum Fault: String, CaseIterable, Sendable {
        case gatewayKilled = "gateway-kill"
        case brokerKilled = "broker-kill"
        case severalKilled = "several-kill"
        case gatewayStopped = "stop"
        case storeCall = "store-call"
        case diskFull = "disk-full"
        case vendor = "vendor"
        case clockJump = "clock"
        case idleConnections = "idle-connections"
        case brokerRefuses = "broker-refuses"
        case brokerReload = "broker-reload"
        case takeover = "takeover"
    }

    var counts: [Fault: Int]
    /// That become due while a vendor goes wrong in one way.
    var pushes: Int
    /// How long the broker refuses the gateway.
    static let refusal = Duration.seconds(60)
    /// Connected devices that nobody writes to, while the broker is told to read its configuration again.
    var quietSessions = 1750
    /// From the first reload on: every restart of the broker has to take them back.
    var keepsQuietSessions: Bool

    static let full = TorturePlan(
        counts: [
            .gatewayKilled: 300, .brokerKilled: 200, .severalKilled: 100, .gatewayStopped: 50, .storeCall: 120,
            .diskFull: 50, .vendor: VendorFaultMode.count, .clockJump: 60, .idleConnections: 20, .brokerRefuses: 20,
            .brokerReload: 20, .takeover: 20,
        ], pushes: 10_000, keepsQuietSessions: true)
    /// Five minutes of it: everything is there.
    static let short = TorturePlan(
        counts: [
            .gatewayKilled: 15, .brokerKilled: 8, .severalKilled: 5, .gatewayStopped: 3, .storeCall: 6, .diskFull: 3,
            .vendor: VendorFaultMode.count, .clockJump: 6, .idleConnections: 2, .brokerRefuses: 1, .brokerReload: 1,
            .takeover: 1,
        ], pushes: 500, keepsQuietSessions: false)

    /// All that happens one after the other, in the order of the seed. Vendors go wrong beside it.
    func schedule(seed: UInt64) -> [(fault: Fault, number: Int)] {
        var random = SeededRandom(seed: seed, .faults, 0)
        return Fault.allCases.filter { $0 != .vendor }
            .flatMap { fault in (0..<(counts[fault] ?? 0)).map { (fault, $0) } }
            .shuffled(using: &random)
    }

    /// For the table.
    func title(_ fault: Fault) -> String {
        switch fault {
        case .gatewayKilled: "`kill -9` of the gateway, a quarter of them again while it starts"
        case .brokerKilled: "`kill -9` of the broker"
        case .severalKilled: "`kill -9` of gateway, broker and vendor simulator, any of them at once"
        case .gatewayStopped: "gateway stopped for 1-20 s (SIGSTOP)"
        case .storeCall: "one of the store's calls to the disk fails (EIO, ENOSPC)"
        case .diskFull: "disk full and free again"
        case .vendor: "a vendor goes wrong, each time in another way, \(pushes) pushes"
        case .clockJump: "the gateway's clock jumps (±1 h, ±1 d, 1970, 2038) and back"
        case .idleConnections: "1500 idle HTTP connections, then `kill -9` of the broker"
        case .brokerRefuses: "broker refuses the gateway for \(Int(Self.refusal / .seconds(1))) s"
        case .brokerReload: "SIGHUP of the broker with 2000 sessions"
        case .takeover: "takeover of 30 sessions at once"
        }
    }
}

/// How often each thing goes wrong.
struct TorturePlan: Sendable {
    enum Fault: String, CaseIterable, Sendable {
        case gatewayKilled = "gateway-kill"
        case brokerKilled = "broker-kill"
        case severalKilled = "several-kill"
        case gatewayStopped = "stop"
        case diskFull = "disk-full"
        case vendor = "vendor"
        case clockJump = "clock"
        case idleConnections = "idle-connections"
        case brokerRefuses = "broker-refuses"
        case brokerReload = "broker-reload"
        case takeover = "takeover"

        /// For the table.
        var title: String {
            switch self {
            case .gatewayKilled: "kill -9 of the gateway"
            case .brokerKilled: "kill -9 of the broker"
            case .severalKilled: "kill -9 of gateway, broker, vendors at random"
            case .gatewayStopped: "gateway stopped for 1-20 s (SIGSTOP)"
            case .diskFull: "disk full and free again"
            case .vendor: "a vendor goes wrong"
            case .clockJump: "the gateway's clock jumps"
            case .idleConnections: "1500 idle HTTP connections, then broker killed"
            case .brokerRefuses: "broker refuses the gateway for a minute"
            case .brokerReload: "SIGHUP of the broker"
            case .takeover: "takeover of 30 sessions"
            }
        }
    }

    var counts: [Fault: Int]

    static let full = TorturePlan(counts: [
        .gatewayKilled: 300, .brokerKilled: 200, .severalKilled: 100, .gatewayStopped: 50, .diskFull: 50,
        .vendor: 10 * VendorFaultModes.all.count, .clockJump: 60, .idleConnections: 20, .brokerRefuses: 20,
        .brokerReload: 20, .takeover: 20,
    ])
    static let short = TorturePlan(counts: [
        .gatewayKilled: 15, .brokerKilled: 8, .severalKilled: 5, .gatewayStopped: 3, .diskFull: 3,
        .vendor: VendorFaultModes.all.count, .clockJump: 6, .idleConnections: 2, .brokerRefuses: 1, .brokerReload: 1,
        .takeover: 1,
    ])

    /// All of it, in the order of the seed.
    func schedule(seed: UInt64) -> [(fault: Fault, number: Int)] {
        var random = SeededRandom(seed: seed, .faults, 0)
        return Fault.allCases.flatMap { fault in (0..<(counts[fault] ?? 0)).map { (fault, $0) } }
            .shuffled(using: &random)
    }
}

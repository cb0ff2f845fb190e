import ArgumentParser

/// How large the workloads are.
struct BenchSizes: ParsableArguments {
    @Option(help: "Seconds to send, in each workload that sends.")
    var seconds = 10
    @Option(help: "HTTP connections.")
    var connections = 64
    @Option(help: "Receiving devices of single, batch and uplink.")
    var devices = 64
    @Option(help: "Bytes of text in a message.")
    var bytes = 220
    @Option(help: "group: members, all online.")
    var members = 500
    @Option(help: "broadcast: accounts, each with a phone that FCM reaches.")
    var accounts = 100_000
    @Option(help: "broadcast: of them online.")
    var online = 2000
    @Option(help: "reconnect: devices.")
    var reconnecting = 5000
    @Option(
        help:
            "sync, history, start: the most messages in the archive; sync and history begin with 10 000 and go on tenfold."
    )
    var archived = 100_000
    @Option(help: "start: messages that were not delivered when the gateway ended.")
    var undelivered = 10_000
    @Option(help: "memory: registered devices.")
    var registered = 100_000
    @Option(help: "memory: of them online.")
    var connected = 1000

    @Option(help: .init("A fault in the count: lost or doubled. For tests.", visibility: .private))
    var miscount: Miscount?

    func validate() throws {
        let positive = [
            seconds, connections, devices, members, accounts, online, reconnecting, archived, undelivered, registered,
            connected,
        ]
        guard bytes >= 0, positive.allSatisfy({ $0 > 0 }) else { throw ValidationError("Numbers must be positive.") }
        guard members <= 500 else { throw ValidationError("At most 500 members.") }
        guard online <= accounts, connected <= registered else {
            throw ValidationError("No more devices can be online than there are.")
        }
    }

    /// Seconds that the raw broker is measured for.
    var rawSeconds: Int { min(seconds, 5) }
}

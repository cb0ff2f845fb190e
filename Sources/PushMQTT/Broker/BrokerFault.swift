/// Why the managed broker cannot run. The description is meant for the operator.
public enum BrokerFault: Error, Sendable, Hashable, CustomStringConvertible {
    case executableMissing
    case userMissing(String)
    case invalidAddress(String)
    case invalidPath(String)
    case fileProblem(path: String, reason: String)
    case notReachable(path: String, user: String)
    case noInterface(address: String)
    case addressInUse(String)
    case addressUnusable(String, reason: String)
    case listensElsewhere(expected: [String], found: [String])
    case didNotStart(lastLines: [String])
    case startFailed(reason: String)
    case orphanDidNotStop(processID: Int32)
    case stopped

    public var description: String {
        switch self {
        case .executableMissing:
            "Mosquitto was not found in /usr/sbin, /usr/bin or PATH; install the Debian package `mosquitto`"
        case .userMissing(let user):
            "the system has no user `\(user)` for the broker; install the Debian package `mosquitto`"
        case .invalidAddress(let text):
            "the broker cannot listen on `\(text)`: give an IPv4 or IPv6 address or `localhost`, and a port above 0"
        case .invalidPath(let path): "control characters or outer spaces in the path \(path.debugDescription)"
        case .fileProblem(let path, let reason): "\(path): \(reason)"
        case .notReachable(let path, let user):
            "the broker's user `\(user)` may not pass through \(path); allow it (chmod o+x) or move the data directory"
        case .noInterface(let address):
            "no network interface carries \(address); Mosquitto can bind a WebSocket listener by interface only"
        case .addressInUse(let address): "\(address) is in use by another process"
        case .addressUnusable(let address, let reason): "cannot listen on \(address): \(reason)"
        case .listensElsewhere(let expected, let found):
            "the broker was told to listen on \(expected.joined(separator: ", ")) but listens on "
                + found.joined(separator: ", ")
        case .didNotStart(let lines):
            "the broker ended before it accepted connections: \(lines.joined(separator: " | "))"
        case .startFailed(let reason): "the broker could not be started: \(reason)"
        case .orphanDidNotStop(let processID): "the broker of an earlier run (process \(processID)) does not stop"
        case .stopped: "the broker was stopped"
        }
    }
}

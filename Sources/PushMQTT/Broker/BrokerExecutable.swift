import Foundation

/// Mosquitto on this machine.
public enum BrokerExecutable {
    /// Its path, links resolved: the one that is named, or the first in /usr/sbin, /usr/bin and `PATH`.
    /// Throws ``BrokerFault/executableMissing``.
    public static func find(_ named: String? = nil) throws(BrokerFault) -> String {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let folders = ["/usr/sbin", "/usr/bin"] + path.split(separator: ":").map(String.init)
        let candidates = named.map { [$0] } ?? folders.map { "\($0)/mosquitto" }
        guard let found = candidates.first(where: { access($0, X_OK) == 0 }), let real = realpath(found, nil) else {
            throw .executableMissing
        }
        defer { free(real) }
        return String(cString: real)
    }
}

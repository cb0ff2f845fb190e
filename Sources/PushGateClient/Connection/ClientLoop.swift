import MosquittoClient

/// One thread that drives any number of device clients: an app needs one with one client, a load generator one with
/// thousands.
public final class ClientLoop: Sendable {
    let loop: MQTTLoop

    /// - Parameter connectingMax: devices that may be connecting at the same time; the others wait.
    /// - Throws: when the system has no descriptor or thread left.
    public init(connectingMax: Int = 64) throws {
        loop = try MQTTLoop(connectingMax: connectingMax)
    }

    /// Ends all connections and the thread. Nothing is called afterwards.
    /// - Parameter drain: how long to wait for what the broker has not acknowledged.
    public func shutdown(drain: Duration = .seconds(2)) async { await loop.shutdown(drain: drain) }

    func schedule(after delay: Duration, _ body: @escaping @Sendable () -> Void) {
        loop.schedule(after: max(delay, .zero), body)
    }
}

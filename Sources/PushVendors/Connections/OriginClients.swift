import Synchronization

/// Connections for URLs that devices bring along: a client for each origin, the least recently used one closed when
/// there are too many.
final class OriginClients: Sendable {
    /// Origins with open connections at once.
    static let originsMax = 64

    private struct Entry {
        let client: OutboundClient
        var usedAt: UInt64
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var uses: UInt64 = 0
        var closing: [UInt64: Task<Void, Never>] = [:]
        var isShutDown = false
    }

    private let originsMax: Int
    private let connectionsMax: Int
    private let settings: ConnectionSettings
    private let state = Mutex(State())

    init(connectionsMax: Int, originsMax: Int = OriginClients.originsMax, settings: ConnectionSettings) {
        self.connectionsMax = connectionsMax
        self.originsMax = originsMax
        self.settings = settings
    }

    /// How many origins have a client.
    var count: Int { state.withLock { $0.entries.count } }

    /// The client for the URL's origin, bound to its checked address. Nil after ``shutdown()``.
    func client(for url: EndpointURL) -> OutboundClient? {
        state.withLock { state in
            guard !state.isShutDown else { return nil }
            state.uses += 1
            let use = state.uses
            if let known = state.entries[url.origin] {
                state.entries[url.origin]?.usedAt = use
                return known.client
            }
            if state.entries.count >= originsMax,
                let oldest = state.entries.min(by: { $0.value.usedAt < $1.value.usedAt })
            {
                state.entries[oldest.key] = nil
                close(oldest.value.client, as: use, in: &state)
            }
            let client = OutboundClient(
                origin: url, trust: .tenant, connectionsMax: connectionsMax, settings: settings)
            state.entries[url.origin] = Entry(client: client, usedAt: use)
            return client
        }
    }

    /// Requests under way end first.
    func shutdown() async {
        let (clients, closing) = state.withLock { state in
            state.isShutDown = true
            defer { state.entries.removeAll() }
            return (state.entries.values.map(\.client), Array(state.closing.values))
        }
        for client in clients { await client.shutdown() }
        for task in closing { await task.value }
    }

    private func close(_ client: OutboundClient, as number: UInt64, in state: inout State) {
        state.closing[number] = Task {
            await client.shutdown()
            self.state.withLock { $0.closing[number] = nil }
        }
    }
}

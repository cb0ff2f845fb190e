import AsyncHTTPClient
import Logging
import NIOCore
import NIOHTTP1
import PushCore
import Synchronization

/// A request in no client's words.
package struct OutboundRequest: Sendable, Equatable {
    package var method: HTTPMethod
    package var url: String
    package var headers: HTTPHeaders
    package var body: [UInt8]
    /// The longest answer that is expected, in bytes; at most ``ConnectionSettings/batchReplyBytesMax`` are read.
    package var replyBytesMax: Int

    package init(
        method: HTTPMethod = .POST, url: String, headers: HTTPHeaders, body: [UInt8],
        replyBytesMax: Int = ConnectionSettings.replyBytesMax
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.replyBytesMax = replyBytesMax
    }

    /// The longest answer to a request for these tokens: each may be named in it, as text within text, with a result.
    static func replyBytesMax(naming tokens: [String]) -> Int {
        tokens.reduce(ConnectionSettings.replyBytesMax) { $0 + 2 * $1.utf8.count + 512 }
    }
}

/// An answer, its body cut at what the request allows (``OutboundRequest/replyBytesMax``).
package struct OutboundReply: Sendable {
    package let status: Int
    package let headers: HTTPHeaders
    package let body: [UInt8]

    package init(status: Int, headers: HTTPHeaders = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// The connections of one credential to one origin.
///
/// It replaces its HTTP client when three requests in a row timed out (the client has no way to notice that an
/// HTTP/2 connection has gone deaf), and, where the address rule holds, when a connection to the checked address
/// failed or the check is older than five minutes. Requests under way end on the client they began on.
package final class OutboundClient: Sendable {
    /// Whether the URL is the vendor's own or came from a tenant or device.
    package enum Trust: Sendable { case vendor, tenant }

    private struct State {
        var current: ClientGeneration?
        var opening: Task<Result<ClientGeneration, TransportFault>, Never>?
        var leaving: [ClientGeneration] = []
        /// Counts failed connections, so that the next one goes to another of the host's addresses.
        var failures = 0
        var openedCount = 0
        var isShutDown = false
    }

    static let timeoutsMax = 3

    private let origin: EndpointURL
    private let trust: Trust
    private let isPinned: Bool
    private let connectionsMax: Int
    private let settings: ConnectionSettings
    private let state = Mutex(State())
    private let deadlines = SharedDeadlines()

    package init(origin: EndpointURL, trust: Trust, connectionsMax: Int, settings: ConnectionSettings) {
        self.origin = origin
        // The operator who allows private addresses has nothing to be checked; the client then uses all addresses.
        self.trust = trust
        self.isPinned = trust == .tenant && !settings.policy.allowsPrivate
        self.connectionsMax = connectionsMax
        self.settings = settings
    }

    /// One request, within the deadline. Redirects are answers.
    package func send(_ request: OutboundRequest, deadline: NIODeadline) async -> Result<OutboundReply, TransportFault>
    {
        let generation: ClientGeneration
        switch await lease() {
        case .success(let leased): generation = leased
        case .failure(let fault): return .failure(fault)
        }
        do {
            var outgoing = HTTPClientRequest(url: request.url)
            outgoing.method = request.method
            outgoing.headers = request.headers
            if request.method != .GET { outgoing.body = .bytes(ByteBuffer(bytes: request.body)) }
            RequestStart.current?.report()
            let response = try await generation.client.execute(outgoing, deadline: deadline)
            let body = await read(response, bytesMax: bytesMax(of: request), until: deadline)
            give(back: generation, after: nil)
            return .success(
                OutboundReply(status: Int(response.status.code), headers: response.headers, body: body))
        } catch {
            let fault = ErrorClass(error)
            give(back: generation, after: fault)
            let reply = VendorReply(code: fault.code)
            return .failure(fault.isBeforeWrite ? .notSent(reply) : .unanswered(reply))
        }
    }

    /// Which of its HTTP clients, counted from 1, takes the next request; nil when none is open.
    var clientNumber: Int? { state.withLock { $0.current == nil ? nil : $0.openedCount } }

    /// Later requests go over new connections.
    package func reconnect() {
        state.withLock { state in
            if let current = state.current { retire(current, in: &state) }
        }
    }

    /// ``reconnect()``, unless that has happened since ``openedCount`` was this.
    func reconnect(unlessNewerThan number: Int) {
        state.withLock { state in
            if let current = state.current, state.openedCount <= max(number, 1) { retire(current, in: &state) }
        }
    }

    /// How many HTTP clients were opened so far.
    var openedCount: Int { state.withLock { $0.openedCount } }

    /// Waits for requests under way, then closes. Later requests are answered `notSent`.
    package func shutdown() async {
        let leaving = state.withLock { state in
            state.isShutDown = true
            if let current = state.current { state.leaving.append(current) }
            state.current = nil
            return state.leaving
        }
        for generation in leaving {
            generation.retire()
            await generation.closed()
        }
    }

    // MARK: Clients

    private enum Lease {
        case granted(ClientGeneration)
        case opening(Task<Result<ClientGeneration, TransportFault>, Never>)
        case shutDown
    }

    private func lease() async -> Result<ClientGeneration, TransportFault> {
        // A client that was just opened can be replaced before it is used; three times in a row is a fault of its own.
        for _ in 0..<3 {
            switch state.withLock({ lease(from: &$0) }) {
            case .granted(let generation): return .success(generation)
            case .opening(let task):
                if case .failure(let fault) = await task.value { return .failure(fault) }
            case .shutDown: return .failure(.notSent(VendorReply(code: "shut_down", isLocal: true)))
            }
        }
        return .failure(.notSent(VendorReply(code: "no_connection")))
    }

    private func lease(from state: inout State) -> Lease {
        if state.isShutDown { return .shutDown }
        if let current = state.current {
            if current.begin() { return .granted(current) }
            retire(current, in: &state)
        }
        if let opening = state.opening { return .opening(opening) }
        let task = Task { await self.open() }
        state.opening = task
        return .opening(task)
    }

    private func open() async -> Result<ClientGeneration, TransportFault> {
        let result = await makeGeneration()
        state.withLock { state in
            state.opening = nil
            guard case .success(let generation) = result else { return }
            if state.isShutDown {
                generation.retire()
                state.leaving.append(generation)
            } else {
                state.current = generation
                state.openedCount += 1
            }
        }
        return result
    }

    private func makeGeneration() async -> Result<ClientGeneration, TransportFault> {
        guard isPinned else {
            return .success(
                ClientGeneration(settings.makeClient(connectionsMax: connectionsMax, pinning: nil), until: nil))
        }
        do throws(EndpointPolicy.Refusal) {
            let addresses = try await settings.policy.addresses(of: origin)
            let address = addresses[state.withLock { $0.failures } % addresses.count]
            let client = settings.makeClient(connectionsMax: connectionsMax, pinning: (origin.host, address))
            return .success(ClientGeneration(client, until: .now() + settings.pinnedFor))
        } catch {
            if error.isTransient { return .failure(.notSent(VendorReply(code: "dns_failed", text: error.reason))) }
            return .failure(
                .refused(VendorReply(code: "private_address", text: "The URL " + error.reason, isLocal: true)))
        }
    }

    private func give(back generation: ClientGeneration, after fault: ErrorClass?) {
        generation.end()
        let timeouts = generation.count(isTimeout: fault?.isTimeout ?? false)
        let isDeaf = timeouts >= Self.timeoutsMax
        let isUnreachable = isPinned && fault?.isConnectFailure == true
        guard isDeaf || isUnreachable else { return }
        let isReplaced = state.withLock { state in
            if isUnreachable { state.failures += 1 }
            guard state.current === generation else { return false }
            retire(generation, in: &state)
            return true
        }
        if isReplaced {
            settings.logger.notice(
                "replacing the connections to a push service",
                metadata: ["host": "\(origin.host)", "reason": "\(fault?.code ?? "")"])
        }
    }

    private func retire(_ generation: ClientGeneration, in state: inout State) {
        state.current = nil
        state.leaving.removeAll(where: \.isClosed)
        state.leaving.append(generation)
        generation.retire()
    }

    // MARK: Bodies

    /// Up to the limit and the deadline. A body that breaks off is what came of it: the status has been said.
    private func read(
        _ response: HTTPClientResponse, bytesMax: Int, until deadline: NIODeadline
    ) async -> [UInt8] {
        if response.headers.first(name: "content-length") == "0" { return [] }
        return await deadlines.run(until: deadline) {
            var bytes: [UInt8] = []
            do {
                for try await part in response.body {
                    bytes.append(contentsOf: part.readableBytesView.prefix(bytesMax - bytes.count))
                    if bytes.count >= bytesMax { break }
                }
            } catch {
                return bytes
            }
            return bytes
        }
    }

    private func bytesMax(of request: OutboundRequest) -> Int {
        let most = ConnectionSettings.batchReplyBytesMax
        return trust == .vendor ? most : min(request.replyBytesMax, most)
    }
}

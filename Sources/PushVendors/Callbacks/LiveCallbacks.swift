import AsyncHTTPClient
import Logging
import NIOCore
import NIOHTTP1
import PushCore

/// Calls tenants' services: connects to the address that was checked, follows no redirect, reads up to 64 KiB.
public final class LiveCallbacks: CallbackCaller {
    private let connections: ConnectionSettings
    private let clients: OriginClients
    private let clock: WallClock

    /// Origins with open connections at once.
    private static let originsMax = 128

    /// - Parameters:
    ///   - allowPrivateEndpoints: `--allow-private-endpoints`.
    ///   - caFile: `--ca-file`, a PEM bundle trusted beside the system's roots.
    ///   - connectionsMax: to one origin. Tenants may share an origin: enough for all of them together, so that one who
    ///     hangs there takes nobody's place.
    /// - Throws: ``GatewayError`` when the PEM bundle cannot be read.
    public convenience init(
        allowPrivateEndpoints: Bool, caFile: String?, connectionsMax: Int = 1024, clock: WallClock, logger: Logger
    ) throws(GatewayError) {
        self.init(
            connections: try ConnectionSettings(
                policy: EndpointPolicy(allowsPrivate: allowPrivateEndpoints), caFile: caFile, logger: logger),
            connectionsMax: connectionsMax, clock: clock)
    }

    package init(connections: ConnectionSettings, connectionsMax: Int = 1024, clock: WallClock) {
        self.connections = connections
        self.clock = clock
        clients = OriginClients(
            connectionsMax: connectionsMax, originsMax: Self.originsMax, settings: connections)
    }

    public func check(url text: String) throws(GatewayError) {
        do {
            try connections.policy.check(try EndpointURL(text))
        } catch let fault as EndpointURL.Fault {
            throw .invalid("/url", fault.reason)
        } catch let refusal as EndpointPolicy.Refusal {
            throw .invalid("/url", refusal.reason)
        } catch {
            throw .invalid("/url", "is not an https URL")
        }
    }

    public func post(_ request: CallbackRequest, within timeout: Duration) async -> CallbackAnswer {
        guard let url = try? EndpointURL(request.url) else { return .failed(reason: "invalid_url") }
        // Looking up the host has a time limit of its own, which may be longer. A little more than the whole, so that the
        // client notices itself what is over, and replaces connections that have gone deaf.
        let (answers, input) = AsyncStream.makeStream(of: CallbackAnswer.self, bufferingPolicy: .bufferingOldest(1))
        let call = Task { input.yield(await send(request, to: url, within: timeout)) }
        let timer = Task {
            // Throws on cancellation only, when nobody waits any more.
            try? await Task.sleep(for: timeout + .milliseconds(200))
            input.yield(.failed(reason: "timeout"))
        }
        defer {
            call.cancel()
            timer.cancel()
        }
        return await answers.first { _ in true } ?? .failed(reason: "cancelled")
    }

    /// Requests under way end first.
    public func shutdown() async { await clients.shutdown() }

    private func send(
        _ request: CallbackRequest, to url: EndpointURL, within timeout: Duration
    ) async -> CallbackAnswer {
        guard let client = clients.client(for: url) else { return .failed(reason: "shut_down") }
        var headers = HTTPHeaders(request.fields)
        if !headers.contains(name: "content-type") { headers.add(name: "content-type", value: "application/json") }
        let outgoing = OutboundRequest(url: url.text, headers: headers, body: request.body)
        switch await client.send(outgoing, deadline: .now() + TimeAmount(timeout)) {
        case .success(let reply):
            let after = RetryAfter.parse(reply.headers, now: clock.now)
            return .answered(
                status: reply.status, body: reply.body, retryAfterSeconds: after.map { Int($0.components.seconds) })
        case .failure(let fault): return .failed(reason: fault.code)
        }
    }
}

extension TransportFault {
    /// A stable word for what happened.
    fileprivate var code: String {
        switch self {
        case .notSent(let reply), .unanswered(let reply), .refused(let reply): reply.code
        }
    }
}

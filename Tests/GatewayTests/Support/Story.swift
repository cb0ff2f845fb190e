import AsyncHTTPClient
import Foundation
import NIOCore
import PushGateClient
import PushSimulators
import Synchronization
import TestWaiting
import Testing

/// All stories, one after the other: each has a gateway, a broker and devices of its own, and looks at the clock.
@Suite(.serialized) enum GatewayStories {}

/// A running gateway with a tenant, an app of it, and what is needed to play its devices.
final class Story: Sendable {
    let gateway: GatewayProcess
    let loop: ClientLoop
    let client: HTTPClient
    let admin: GatewayAPI
    let tenant = "acme"
    let appInfo: GatewayAPI.NewApp
    let app: GatewayAPI

    init(gateway: GatewayProcess, client: HTTPClient) async throws {
        self.gateway = gateway
        self.client = client
        loop = try ClientLoop()
        admin = GatewayAPI(gateway.baseURL, authorization: .admin(GatewayProcess.adminToken), client: client)
        try await admin.createTenant(tenant, name: "Acme")
        appInfo = try await admin.createApp(tenantNo: tenant, name: "Shop")
        app = admin.authorized(by: .app(id: appInfo.id, secret: appInfo.secret))
    }

    var api: GatewayAPI { admin.authorized(by: .none) }

    func api(_ session: DeviceSession) -> GatewayAPI { admin.authorized(by: .bearer(session.credential.value)) }

    // MARK: Devices

    func signature(_ user: String) throws -> String {
        try Signatures.jwt(app: appInfo.id, key: appInfo.signingKey, user: user)
    }

    /// - Parameter code: of the installation; nil: one per user.
    func register(
        _ user: String, code: String? = nil, tokens: [DeviceRegistration.PushToken] = []
    ) async throws -> DeviceSession {
        try await api.register(
            DeviceRegistration(uniqueCode: code ?? "code-\(user)", userID: user, osType: .android, pushTokens: tokens),
            signature: signature(user))
    }

    /// A registered and connected device.
    func device(
        _ user: String, code: String? = nil, tokens: [DeviceRegistration.PushToken] = [],
        options change: (inout DeviceClient.Options) -> Void = { _ in }
    ) async throws -> StoryDevice {
        let device = StoryDevice(try await register(user, code: code, tokens: tokens), loop: loop, options: change)
        try await device.connect()
        return device
    }

    // MARK: Vendors

    /// The simulator's credentials become the tenant's.
    func usePush(_ vendors: [SimulatedVendor], of simulator: VendorSimulator) async throws {
        for vendor in vendors { try await app.setPush(vendor: vendor.rawValue, simulator.settings(vendor)) }
    }

    /// Presence is certain when it returns: from now on who is not connected is away.
    func knowsWhoIsAway(_ simulator: VendorSimulator) async throws {
        _ = try await register("probe", tokens: [simulator.token(.webhook, "probe")])
        try await app.send(OutgoingMessage(id: "probe", to: "user:probe", text: "probe"))
        _ = try await simulator.waitForPush(within: .seconds(10)) { $0.messageId == "probe" }
    }

    /// The stages that say what became of the push, in their order.
    static func pushStages(_ trace: JSONValue) -> [JSONValue] {
        (trace["stages"]?.array ?? []).filter { $0["stage"]?.string?.hasPrefix("push_") == true }
    }

    /// The trace of a message for one user's device, once `condition` holds for it.
    @discardableResult
    func trace(
        _ id: String, user: String, within limit: Duration = .seconds(20),
        until condition: @Sendable (JSONValue) -> Bool = { _ in true }
    ) async throws -> JSONValue {
        let last = Mutex(JSONValue.null)
        return try await eventually(
            "the trace of \(id) for \(user)", within: limit, seen: { last.withLock { "\($0)" } },
            {
                let message = try await app.message(id)
                let trace = message["trace"]?.array?.first { $0["userId"]?.string == user }
                last.withLock { $0 = trace ?? message }
                guard let trace, condition(trace) else { return nil }
                return trace
            })
    }

    /// The traces of a message by user, once `condition` holds for each of these users' devices. One request at a time
    /// for all of them.
    @discardableResult
    func traces(
        _ id: String, users: some Sequence<String>, within limit: Duration = .seconds(20),
        until condition: @Sendable (JSONValue) -> Bool
    ) async throws -> [String: JSONValue] {
        let last = Mutex<[String]>([])
        return try await eventually(
            "the traces of \(id)", within: limit, seen: { last.withLock { "\($0.prefix(5))" } },
            {
                let all = try await app.message(id)["trace"]?.array ?? []
                let traces = Dictionary(all.map { ($0["userId"]?.string ?? "", $0) }) { first, _ in first }
                let missing = users.filter { traces[$0].map(condition) != true }
                last.withLock { $0 = missing.map { "\($0): \(traces[$0]?.description ?? "none")" } }
                return missing.isEmpty ? traces : nil
            })
    }

    // MARK: Raw HTTP

    /// A request that no well-behaved client would make.
    func raw(
        _ method: String, _ path: String, body: String? = nil, token: String? = nil,
        contentType: String = "application/json"
    ) async throws -> (status: Int, json: JSONValue, contentType: String?) {
        var request = HTTPClientRequest(url: gateway.baseURL + path)
        request.method = .RAW(value: method)
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        if let body {
            request.headers.add(name: "content-type", value: contentType)
            request.body = .bytes(ByteBuffer(string: body))
        }
        let response = try await client.execute(request, timeout: .seconds(20))
        let bytes = Array((try await response.body.collect(upTo: 1 << 24)).readableBytesView)
        return (
            Int(response.status.code), bytes.isEmpty ? .null : try JSONValue(parsing: bytes),
            response.headers.first(name: "content-type")
        )
    }
}

/// Runs a story and takes everything down at its end, however it ends.
func withStory(_ options: GatewayProcess.Options = .init(), _ body: (Story) async throws -> Void) async throws {
    let gateway = try GatewayProcess(options)
    var configuration = HTTPClient.Configuration(certificateVerification: .fullVerification)
    if let certificates = options.certificates {
        configuration.tlsConfiguration = .forTests(authorityFile: certificates.authorityFile)
    }
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
    let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    var failure: (any Error)?
    var story: Story?
    do {
        try await gateway.start(client: client)
        let made = try await Story(gateway: gateway, client: client)
        story = made
        try await body(made)
    } catch {
        failure = error
    }
    await story?.loop.shutdown(drain: .zero)
    if let failure {
        Issue.record("\(failure)\nthe gateway's log:\n\(gateway.log.suffix(4000))")
    }
    await gateway.end()
    try await client.shutdown()
}

/// The same with a vendor simulator that the gateway trusts.
///
/// - Parameter vendors: whose credentials the tenant has.
func withVendors(
    _ options: GatewayProcess.Options = .init(), _ vendors: [SimulatedVendor] = [.fcm, .apns, .webhook],
    _ body: (Story, VendorSimulator) async throws -> Void
) async throws {
    var configuration = VendorSimulator.Configuration()
    configuration.providerTokenUpdateSeconds = 0
    let simulator = try await VendorSimulator.start(configuration: configuration)
    var options = options
    options.arguments += ["--ca-file", simulator.caFile]
    do {
        try await withStory(options) { story in
            try await story.usePush(vendors, of: simulator)
            do {
                try await body(story, simulator)
            } catch {
                throw VendorStoryFailure(error: error, refusals: simulator.refusals)
            }
            // Faults apart, the gateway speaks as the vendors want it.
            #expect(simulator.refusals.map(\.reason) == [])
        }
    } catch {
        try await simulator.shutdown()
        throw error
    }
    try await simulator.shutdown()
}

/// A story that ended early, with what the vendors did not like by then.
struct VendorStoryFailure: Error, CustomStringConvertible {
    let error: any Error
    let refusals: [RefusedRequest]

    var description: String {
        "\(error)\nrefused by vendors: \(refusals.map { "\($0.vendor) \($0.status): \($0.reason)" })"
    }
}

/// The refusal that `body` has to end with. A refusal for pace is not it: bad credentials are limited per address.
func refusal(
    at location: SourceLocation = #_sourceLocation, of body: () async throws -> some Any
) async throws -> GatewayProblem {
    try await eventually("an answer that is not rate_limited") {
        do {
            let result = try await body()
            Issue.record("not refused: \(result)", sourceLocation: location)
            return GatewayProblem(status: 200, code: "not refused", detail: "")
        } catch let problem as GatewayProblem {
            return problem.code == "rate_limited" ? nil : problem
        }
    }
}

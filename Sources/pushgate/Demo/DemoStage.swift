import AsyncHTTPClient
import Foundation
import PushGateClient
import PushSimulators
import Synchronization

/// The processes of the demo, and how to reach them.
final class DemoStage: Sendable {
    let directory: DataDirectory
    /// Logs, and what the simulator wrote.
    private var folder: String { directory.path + "/demo" }
    private let state = Mutex(State())

    private struct State {
        var simulator: ChildProcess?
        var gateway: ChildProcess?
        var http = HostPort(host: "127.0.0.1", port: 0)
        var mqtt = HostPort(host: "127.0.0.1", port: 0)
        var simulatorPage = ""
        var simulatorSettings = JSONValue.null
    }

    init(directory: DataDirectory) { self.directory = directory }

    var http: HostPort { state.withLock { $0.http } }
    var mqtt: HostPort { state.withLock { $0.mqtt } }
    var simulatorPage: String { state.withLock { $0.simulatorPage } }
    /// By vendor: the body of `PUT /v1/settings/push/{vendor}`.
    var simulatorSettings: JSONValue { state.withLock { $0.simulatorSettings } }
    var url: String { "http://\(http)" }
    var api: GatewayAPI { GatewayAPI(url, client: CommandLineClient.shared) }

    func operatorAPI() throws -> GatewayAPI { api.authorized(by: .admin(try directory.operatorToken())) }

    // MARK: Up and down

    func setUp(http: HostPort, mqtt: HostPort) async throws {
        try directory.prepare()
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        state.withLock { ($0.http, $0.mqtt) = (http, mqtt) }
        let caFile = folder + "/simulator-ca.pem"
        let simulator = try ChildProcess(
            "vendor simulator",
            arguments: ["vendors", "simulate", "--json", "--ca-file", caFile, "--until-input-ends"],
            outputFile: folder + "/simulator.log")
        state.withLock { $0.simulator = simulator }
        let greeting = try await waitFor("the vendor simulator", within: .seconds(20)) { () -> JSONValue? in
            let output = simulator.output
            guard output.contains("\n"), let line = output.split(separator: "\n").last else { return nil }
            return try? JSONValue(parsing: Array(line.utf8))  // not whole yet
        }
        let page = greeting["control"]?.string ?? ""
        state.withLock { ($0.simulatorPage, $0.simulatorSettings) = (page, greeting["settings"] ?? .null) }
        say("vendor simulator  \(page)/  (all vendors)")

        let gateway = try ChildProcess(
            "gateway",
            arguments: [
                "serve", "--data-dir", directory.path, "--http", http.description, "--mqtt", mqtt.description,
                "--ca-file", caFile, "--allow-private-endpoints", "--until-input-ends",
            ], outputFile: folder + "/serve.log")
        state.withLock { $0.gateway = gateway }
        try await waitForGateway(within: .seconds(40))
        say("gateway           \(url)  and MQTT at \(mqtt)")
    }

    func waitForGateway(within limit: Duration) async throws {
        let url = url
        _ = try await waitFor("the gateway to be ready", within: limit) { () -> Bool? in
            var request = HTTPClientRequest(url: url + "/readyz")
            request.method = .GET
            do {
                let response = try await CommandLineClient.shared.execute(request, timeout: .seconds(2))
                return response.status == .ok ? true : nil
            } catch {
                return nil  // it does not listen yet
            }
        }
    }

    func tearDown() async {
        let (gateway, simulator) = state.withLock { ($0.gateway, $0.simulator) }
        await gateway?.stop()
        await simulator?.stop()
    }

    // MARK: Looking

    /// Asks until there is an answer.
    /// - Throws: ``DemoFault`` when it takes too long or a process has ended.
    func waitFor<Answer: Sendable>(
        _ what: String, within limit: Duration, _ look: () async throws -> Answer?
    ) async throws -> Answer {
        let deadline = ContinuousClock.now + limit
        while true {
            if let answer = try await look() { return answer }
            for process in state.withLock({ [$0.simulator, $0.gateway] }) { try process?.check() }
            guard ContinuousClock.now < deadline else { throw DemoFault("waited \(limit) for \(what) in vain") }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Lets something go wrong at a simulated vendor.
    func inject(_ fault: JSONValue) async throws {
        _ = try await GatewayAPI(simulatorPage, client: CommandLineClient.shared)
            .call(.post, ["faults"], body: fault)
    }

    /// What the simulator accepted for that message at that vendor.
    func push(of messageID: String, vendor: SimulatedVendor) async throws -> JSONValue? {
        try await pushes(of: messageID).first { $0["vendor"]?.string == vendor.rawValue }
    }

    func pushes(of messageID: String) async throws -> [JSONValue] {
        let answer = try await GatewayAPI(simulatorPage, client: CommandLineClient.shared)
            .call(.get, ["pushes"], query: ["messageId": messageID]).json()
        return answer["items"]?.array ?? []
    }

    /// The process id of the gateway's Mosquitto.
    var brokerProcessID: pid_t? {
        let text = try? String(contentsOfFile: directory.brokerPath + "/broker.pid", encoding: .utf8)  // none runs
        return text?.split(separator: "\n").first.flatMap { pid_t($0) }
    }
}

import Foundation
import Glibc
import PushGateClient
import PushSimulators
import Synchronization

/// The processes that are tortured: a gateway with its broker, and the vendor simulator. They keep their ports and
/// files when they are killed and started again.
final class TortureStage: Sendable {
    let folder: String
    let directory: DataDirectory
    let httpPort: Int
    let mqttPort: Int
    let simulatorPort: Int
    /// Whether the data directory is a file system of its own whose size can be changed.
    let disk: TortureDisk
    private let clockOffset: String
    private let state = Mutex(State())

    private struct State {
        var gateway: ChildProcess?
        var simulator: ChildProcess?
        var simulatorSettings = JSONValue.null
        /// What is wrong with a vendor now.
        var vendorFault: JSONValue?
        var starts = 0
    }

    init(folder: String) throws {
        self.folder = folder
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        // The broker's own user must be able to pass.
        guard chmod(folder, 0o711) == 0 else { throw TortureFault("\(folder): \(String(cString: strerror(errno)))") }
        directory = DataDirectory(folder + "/data")
        clockOffset = folder + "/clock-offset"
        disk = TortureDisk(directory.path)
        httpPort = try FreePort.next()
        mqttPort = try FreePort.next()
        simulatorPort = try FreePort.next()
        try setClock(offsetSeconds: 0)
    }

    var url: String { "http://127.0.0.1:\(httpPort)" }
    var api: GatewayAPI { GatewayAPI(url, client: CommandLineClient.shared) }
    /// The vendor simulator writes every push here before it answers.
    var pushesFile: String { folder + "/pushes.tsv" }
    var logFile: String { folder + "/serve.log" }
    /// By vendor: the body of `PUT /v1/settings/push/{vendor}`.
    var simulatorSettings: JSONValue { state.withLock { $0.simulatorSettings } }
    var gatewayProcessID: pid_t? { state.withLock { $0.gateway?.processID } }

    func operatorAPI() throws -> GatewayAPI { api.authorized(by: .admin(try directory.operatorToken())) }

    // MARK: Up and down

    /// - Parameter wrapper: a command that runs it; empty: it runs by itself.
    func startGateway(under wrapper: [String] = []) throws {
        try directory.prepare()
        _ = try directory.masterKey(create: true)
        let gateway = try ChildProcess(
            "gateway",
            arguments: [
                "serve", "--data-dir", directory.path, "--http", "127.0.0.1:\(httpPort)", "--mqtt",
                "127.0.0.1:\(mqttPort)", "--allow-private-endpoints", "--until-input-ends",
            ], wrapper: wrapper, environment: ["PUSHGATE_CLOCK_OFFSET_FILE": clockOffset], outputFile: logFile,
            appends: true)
        state.withLock {
            $0.gateway = gateway
            $0.starts += 1
        }
    }

    func startSimulator() async throws {
        let output = folder + "/simulator.log"
        let simulator = try ChildProcess(
            "vendor simulator",
            arguments: [
                "vendors", "simulate", "--json", "--port", "\(simulatorPort)", "--ca-file",
                folder + "/simulator-ca.pem",
                "--record", pushesFile, "--plain-settings", "--until-input-ends",
            ], outputFile: output)
        state.withLock { $0.simulator = simulator }
        let greeting = try await waitFor("the vendor simulator", within: .seconds(30)) { () -> JSONValue? in
            try simulator.check()
            guard let line = simulator.output.split(separator: "\n").last else { return nil }
            return try? JSONValue(parsing: Array(line.utf8))  // not whole yet
        }
        let fault = state.withLock { state in
            state.simulatorSettings = greeting["settings"] ?? .null
            return state.vendorFault
        }
        if let fault { try await post(fault) }
    }

    /// Until the gateway says that it is ready.
    func untilReady(within limit: Duration = .seconds(60)) async throws {
        let api = api
        _ = try await waitFor("the gateway to be ready", within: limit) { () -> Bool? in
            try state.withLock { $0.gateway }?.check()
            return (try? await api.call(.get, ["readyz"])) == nil ? nil : true  // it does not listen yet
        }
    }

    /// `kill -9`, and gone when it returns.
    func killGateway() async {
        let gateway = state.withLock { $0.gateway }
        if let gateway { await gateway.kill() }
    }

    func killSimulator() async {
        let simulator = state.withLock { $0.simulator }
        if let simulator { await simulator.kill() }
    }

    func signalGateway(_ signal: Int32) { if let id = gatewayProcessID { kill(id, signal) } }

    /// The broker of the gateway that runs now.
    var brokerProcessID: pid_t? {
        let text = try? String(contentsOfFile: directory.brokerPath + "/broker.pid", encoding: .utf8)  // none runs
        guard let id = text?.split(separator: "\n").first.flatMap({ pid_t($0) }), kill(id, 0) == 0 else { return nil }
        return id
    }

    @discardableResult
    func signalBroker(_ signal: Int32) -> Bool { brokerProcessID.map { kill($0, signal) == 0 } ?? false }

    /// The gateway's wall clock, so many seconds from the machine's.
    func setClock(offsetSeconds: Int64) throws {
        let milliseconds = offsetSeconds * 1000
        try withUnsafeBytes(of: milliseconds.littleEndian) { try Data($0).write(to: URL(fileURLWithPath: clockOffset)) }
    }

    /// For whoever looks for what went wrong: the data directory may be in memory.
    func keepData() {
        guard disk.isThere else { return }
        try? FileManager.default.copyItem(atPath: directory.privatePath, toPath: folder + "/kept")  // best effort
    }

    func tearDown() async {
        let (gateway, simulator) = state.withLock { ($0.gateway, $0.simulator) }
        await gateway?.stop()
        await simulator?.stop()
        disk.unmount()
    }

    // MARK: Vendors

    /// Sets a fault at the simulator, as its control page takes it; it holds until it is cleared, also when the simulator
    /// is killed and started again meanwhile.
    func inject(_ fault: JSONValue) async throws {
        state.withLock { $0.vendorFault = fault }
        try await patiently("a fault at the vendor simulator") { try await post(fault) }
    }

    private func post(_ fault: JSONValue) async throws {
        _ = try await simulatorAPI.call(.post, ["faults"], body: fault)
    }

    func clearVendorFaults() async throws {
        state.withLock { $0.vendorFault = nil }
        try await patiently("the end of a fault at the vendor simulator") {
            _ = try await simulatorAPI.call(.delete, ["faults"])
        }
    }

    /// By vendor: `{requests, accepted, refused, disturbed}` since it was started.
    func simulatorCounters() async throws -> JSONValue {
        try await patiently("the vendor simulator's counters") {
            try await simulatorAPI.call(.get, ["counters"]).json()
        }
    }

    private var simulatorAPI: GatewayAPI {
        GatewayAPI("http://127.0.0.1:\(simulatorPort)", client: CommandLineClient.shared)
    }

    /// The end of what the gateway wrote.
    var lastLog: String {
        let text = (try? String(contentsOfFile: logFile, encoding: .utf8)) ?? ""  // it never started
        return text.split(separator: "\n").suffix(20).joined(separator: "\n")
    }

    /// Pushes that are queued, as of a few seconds ago.
    func pushesWaiting() async throws -> Int {
        let answer = try await patiently("the metrics") { try await operatorAPI().call(.get, ["metrics"]) }
        let text = String(decoding: answer.bytes, as: UTF8.self)
        return text.split(separator: "\n").reduce(0) { sum, line in
            guard line.hasPrefix(Self.waitingMetric), let value = line.split(separator: " ").last else { return sum }
            return sum + Int(Double(value) ?? 0)
        }
    }

    private static let waitingMetric = "pushgate_pushes_waiting"

    // MARK: Waiting

    /// A call that has to succeed, however often it takes: gateway and simulator are killed at any time.
    func patiently<Answer>(_ what: String, _ body: () async throws -> Answer) async throws -> Answer {
        let deadline = ContinuousClock.now + .seconds(90)
        while true {
            do {
                return try await body()
            } catch let error as CancellationError {
                throw error
            } catch {
                guard ContinuousClock.now < deadline else { throw TortureFault("\(what): \(error)") }
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    func waitFor<Answer>(
        _ what: String, within limit: Duration, _ look: () async throws -> Answer?
    ) async throws -> Answer {
        let deadline = ContinuousClock.now + limit
        while true {
            if let answer = try await look() { return answer }
            guard ContinuousClock.now < deadline else { throw TortureFault("waited \(limit) for \(what) in vain") }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}

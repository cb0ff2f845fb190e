import PushGateClient
import Testing

/// What `pushgate doctor` says of a gateway.
struct DoctorRun {
    let ending: ChildProcess.Ending
    /// The worst line of each check.
    let checks: [String: JSONValue]
    let output: String

    init(_ gateway: GatewayProcess) async throws {
        let command = [
            try GatewayProcess.executable(), "doctor", "--data-dir", gateway.dataDirectory,
            "--http", "127.0.0.1:\(gateway.httpPort)", "--mqtt", "127.0.0.1:\(gateway.mqttPort)", "--json",
        ]
        let run = try await ChildProcess.run(command, within: .seconds(60))
        let answer = try JSONValue(parsing: Array(run.output.utf8))
        var checks: [String: JSONValue] = [:]
        for check in answer["checks"]?.array ?? [] {
            let name = check["check"]?.string ?? ""
            if checks[name]?["state"]?.string != "wrong" { checks[name] = check }
        }
        #expect(answer["ok"]?.bool == (run.ending == .exited(0)), "\(run.output)\n\(run.errors)")
        (ending, self.checks, output) = (run.ending, checks, run.output)
    }

    /// `ok`, `wrong` or `skipped`.
    func state(_ check: String) -> String? { checks[check]?["state"]?.string }
}

import ArgumentParser
import Foundation
import PushGateClient

/// `pushgate doctor`
struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check everything the gateway needs, running or stopped.",
        discussion: """
            Takes the same settings as `serve`. Looks at store, broker, plugin, ports, clock, disk and file rights, and \
            has a running gateway check every vendor credential with a call that delivers nothing. A line each; exit \
            code 1 if anything is wrong.
            """)

    @OptionGroup var options: ServeOptions

    @Option(help: "Where the gateway's HTTP API is (PUSHGATE_URL). (default: where --http says)")
    var url: String?

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        try await reportingFaults {
            let settings = try await options.settings()
            let findings = await Examination(settings, url: url).findings()
            let isWrong = findings.contains { $0.state == .wrong }
            if json {
                let document: JSONValue = ["ok": .bool(!isWrong), "checks": .array(findings.map(\.json))]
                print(document.description)
            } else {
                print(findings.map(\.line).joined(separator: "\n"))
            }
            if isWrong { throw ExitCode.failure }
        }
    }
}

/// All checks, in the order in which a person would go through them.
struct Examination: Sendable {
    private let settings: ServeSettings
    private let directory: DataDirectory
    private let url: String

    init(
        _ settings: ServeSettings, url: String?,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) {
        self.settings = settings
        directory = DataDirectory(settings.dataDirectory)
        self.url = url ?? environment["PUSHGATE_URL"] ?? Self.address(of: settings)
    }

    /// Where a gateway with these settings is reached from here.
    static func address(of settings: ServeSettings) -> String {
        let everywhere = ["0.0.0.0": "127.0.0.1", "::": "::1"]
        let host = everywhere[settings.http.host] ?? settings.http.host
        return "\(settings.tls == nil ? "http" : "https")://\(HostPort(host: host, port: settings.http.port))"
    }

    func findings() async -> [Finding] {
        let gateway = RunningGateway(url, directory: directory, caFile: settings.caFile)
        let state = await gateway.state()
        var findings = [state.finding]
        findings += StoreCheck.findings(database: directory.databasePath)
        findings += BrokerCheck.findings(settings, isServing: state.isServing)
        findings.append(PluginCheck.finding(settings.broker))
        findings += PortCheck.findings(settings, isServing: state.isServing)
        findings.append(ClockCheck.finding(now: Date(), newestFile: ClockCheck.newestFile(in: directory)))
        findings.append(DiskCheck.finding(at: directory.path))
        findings += RightsCheck.findings(directory)
        findings += await CredentialCheck.findings(of: gateway, state)
        return findings
    }
}

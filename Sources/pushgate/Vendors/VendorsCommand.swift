import ArgumentParser
import Foundation
import PushGateClient
import PushSimulators
import ServiceLifecycle

/// `pushgate vendors`
struct VendorsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vendors", abstract: "The push services of phone makers.", subcommands: [Simulate.self])

    struct Simulate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Speak the vendors' wire protocols on loopback, so that everything runs without an account.",
            discussion: """
                Start the gateway with --allow-private-endpoints and --ca-file FILE (printed here), and store the printed \
                settings with PUT /v1/settings/push/{vendor}. The control page lists what arrived and sets faults.
                """)

        @Option(help: "Port of the control page, and of all vendors but APNs without TLS. (default: any free one)")
        var port: Int?
        @Option(help: "Where to write the CA certificate. (default: a temporary file)")
        var caFile: String?
        @Option(
            help: """
                A fault as the control page takes it, for example '{"vendor": "fcm", "fault": "tooManyRequests"}'. \
                Repeat for more.
                """)
        var fault: [String] = []
        @Flag(help: "Print the address and the settings as JSON.")
        var json = false
        /// For a parent process, as `demo` is.
        @Flag(help: .hidden)
        var untilInputEnds = false
        /// For `torture`: a file that gets a line for each accepted push before its request is answered, so that a
        /// simulator that is killed is not forgotten what it has shown.
        @Option(help: .hidden)
        var record: String?
        /// For `torture`: settings with http:// URLs, which stay right when another start makes other certificates.
        @Flag(help: .hidden)
        var plainSettings = false

        func validate() throws {
            if let port, !(0...65_535).contains(port) {
                throw ValidationError("port: expected 0 to 65535, got \(port).")
            }
        }

        func run() async throws { try await reportingFaults { try await simulate() } }

        private func simulate() async throws {
            if let port, port != 0 {
                let address = HostPort(host: "127.0.0.1", port: port)
                guard ListeningPort.state(of: address) == .free else { throw fail("\(address) is in use.") }
            }
            var configuration = VendorSimulator.Configuration()
            configuration.httpPort = port ?? 0
            if let caFile { configuration.caFile = caFile }
            // Gateways are stopped and started while people try things: each start signs a provider token.
            configuration.providerTokenUpdateSeconds = 0
            if let record { configuration.accepted = try PushFile(record).append }
            let simulator = try await VendorSimulator.start(configuration: configuration)
            let control = "http://127.0.0.1:\(simulator.httpPort)"
            for text in fault { try await Self.set(text, at: control) }
            say(greeting(simulator, control: control))
            var services: [ServiceGroupConfiguration.ServiceConfiguration] = [
                .init(service: Closing("vendor simulator") { try? await simulator.shutdown() })  // it ends anyway
            ]
            if untilInputEnds {
                services.append(.init(service: Lifeline(), successTerminationBehavior: .gracefullyShutdownGroup))
            }
            let group = ServiceGroup(
                configuration: .init(
                    services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: .init(label: "vendors")))
            try await group.run()
        }

        private func greeting(_ simulator: VendorSimulator, control: String) -> String {
            let settings = SimulatedVendor.allCases.map {
                ($0.rawValue, simulator.credentials.settings(for: $0, plainHTTP: plainSettings))
            }
            guard json else {
                return """
                    vendor simulator
                      control page  \(control)/
                      CA file       \(simulator.caFile)
                    settings, for PUT /v1/settings/push/{vendor}:
                    \(settings.map { "  \($0)  \($1)" }.joined(separator: "\n"))
                    """
            }
            let vendors = settings.map { "\"\($0)\":\($1)" }.joined(separator: ",")
            return #"{"control":"\#(control)","caFile":"\#(simulator.caFile)","settings":{\#(vendors)}}"#
        }

        /// Through the simulator's own page, which checks the fault and says what is wrong with it.
        private static func set(_ fault: String, at control: String) async throws {
            do {
                let body = try JSONValue(parsing: Array(fault.utf8))
                _ = try await GatewayAPI(control).call(.post, ["faults"], body: body)
            } catch let problem as GatewayProblem {
                throw ValidationError("fault \(fault): \(FaultText.of(problem)).")
            } catch is JSONFault {
                throw ValidationError("fault \(fault) is not JSON.")
            }
        }
    }
}

import Foundation
import PushGateClient

/// The gateway that may be running with these settings.
struct RunningGateway: Sendable {
    enum State: Sendable, Equatable {
        case stopped
        case ready
        /// It answers, and lacks something.
        case notReady(String)
        /// Something answers that is no gateway, or not this one.
        case other(String)

        var isServing: Bool {
            switch self {
            case .ready, .notReady: true
            case .stopped, .other: false
            }
        }

        var finding: Finding {
            switch self {
            case .stopped: Finding("gateway", .ok, "not running; what needs it running is skipped")
            case .ready: Finding("gateway", .ok, "running and ready")
            case .notReady(let what):
                Finding("gateway", .wrong, "running, but not ready: \(what)", remedy: "See the gateway's log.")
            case .other(let what):
                Finding(
                    "gateway", .wrong, "what answers there is no PushGate: \(what)",
                    remedy: "Give the gateway another address with --http, or name the right one with --url.")
            }
        }
    }

    private let url: String
    private let directory: DataDirectory
    private let caFile: String?

    init(_ url: String, directory: DataDirectory, caFile: String?) {
        self.url = url
        self.directory = directory
        self.caFile = caFile
    }

    private var api: GatewayAPI { GatewayAPI(url, client: CommandLineClient.trusting(caFile)) }

    func state() async -> State {
        do {
            let health = try await api.call(.get, ["healthz"]).json()
            guard health["status"]?.string == "ok" else { return .other("an answer to /healthz that is not its own") }
            _ = try await api.call(.get, ["readyz"])
            return .ready
        } catch let problem as GatewayProblem {
            return problem.status == 503 ? .notReady(problem.detail) : .other("HTTP \(problem.status)")
        } catch is JSONFault {
            return .other("an answer that is no JSON")
        } catch {
            // Whatever is in the way: nobody answers. Whether the port is free is another check.
            return .stopped
        }
    }

    /// As the operator, over loopback or https only.
    func credentialChecks() async throws -> JSONValue {
        let environment = ProcessInfo.processInfo.environment
        guard let host = URL(string: url)?.host() else { throw DataDirectory.Fault(description: "\(url) is no URL") }
        guard url.lowercased().hasPrefix("https://") || HostPort(host: host, port: 0).isLoopback else {
            throw DataDirectory.Fault(description: "an operator token is not sent over http to \(host)")
        }
        let token = try environment["PUSHGATE_ADMIN_TOKEN"] ?? directory.operatorToken()
        var admin = api.authorized(by: .admin(token))
        // A minute for all vendors together, and the last ones' answers.
        admin.timeout = .seconds(90)
        return try await admin.call(.post, ["v1", "admin", "push", "check"]).json()
    }
}

import ArgumentParser
import Foundation
import PushGateClient

/// How a command reaches a running gateway, and as whom.
struct GatewayOptions: ParsableArguments {
    @Option(help: "Where the gateway's HTTP API is (PUSHGATE_URL). (default: http://127.0.0.1:8080)")
    var url: String?

    @Option(help: "The gateway's data directory, for an operator token (PUSHGATE_DATA_DIR). (default: ./pushgate-data)")
    var dataDir: String?

    @Option(help: "PEM bundle added to the system's roots, for https (PUSHGATE_CA_FILE).")
    var caFile: String?

    @Flag(help: "Print JSON.")
    var json = false

    private var environment: [String: String] { ProcessInfo.processInfo.environment }

    var address: String { url ?? environment["PUSHGATE_URL"] ?? "http://127.0.0.1:8080" }

    var api: GatewayAPI {
        GatewayAPI(address, client: CommandLineClient.trusting(caFile ?? environment["PUSHGATE_CA_FILE"]))
    }

    /// As the operator: with PUSHGATE_ADMIN_TOKEN, or with a token of 60 seconds made with the master key in the data
    /// directory. It goes to loopback or over https only.
    func operatorAPI(tenantNo: String? = nil) throws -> GatewayAPI {
        guard let host = URL(string: address)?.host() else {
            throw ValidationError("url: expected http[s]://host[:port], got \(address).")
        }
        guard address.lowercased().hasPrefix("https://") || HostPort(host: host, port: 0).isLoopback else {
            throw ValidationError(
                "An operator token is sent to loopback addresses or over https only, not to \(address).")
        }
        return api.authorized(by: .admin(try operatorToken(), tenantNo: tenantNo))
    }

    private func operatorToken() throws -> String {
        if let token = environment["PUSHGATE_ADMIN_TOKEN"] { return token }
        let directory = DataDirectory(dataDir ?? environment["PUSHGATE_DATA_DIR"] ?? "./pushgate-data")
        return try directory.operatorToken()
    }
}

/// Who sends: an app with its secret, or the operator in a tenant's name.
struct SenderOptions: ParsableArguments {
    @Option(help: "Act for this tenant, as the operator.")
    var tenant: String?

    @Option(help: "Act as this app (PUSHGATE_APP_ID), with --app-secret.")
    var appId: String?

    @Option(help: "The app's secret (PUSHGATE_APP_SECRET).")
    var appSecret: String?

    func api(_ gateway: GatewayOptions) throws -> GatewayAPI {
        if let tenant { return try gateway.operatorAPI(tenantNo: tenant) }
        let environment = ProcessInfo.processInfo.environment
        guard let id = appId ?? environment["PUSHGATE_APP_ID"],
            let secret = appSecret ?? environment["PUSHGATE_APP_SECRET"]
        else { throw ValidationError("Say who is asking: --tenant TENANT, or --app-id and --app-secret.") }
        return gateway.api.authorized(by: .app(id: id, secret: secret))
    }
}

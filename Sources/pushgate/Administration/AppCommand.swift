import ArgumentParser
import PushGateClient

/// `pushgate app`
struct AppCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "app", abstract: "Third-party services that call the HTTP API.",
        subcommands: [Create.self, List.self, Rotate.self, Disable.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make an app. Its secret and signing key are shown this once.")
        @OptionGroup var gateway: GatewayOptions
        @Option(help: "The tenant it belongs to.")
        var tenant: String
        @Option(help: "Its name, shown as the sender of what it sends.")
        var name: String?
        @Option(help: "One of its scopes; repeat for more. (default: all)")
        var scope: [String] = []
        @Flag(help: "Let devices register without a signature. Off unless you know why.")
        var openRegistration = false

        func run() async throws {
            try await reportingFaults {
                let answer = try await gateway.operatorAPI().call(
                    .post, ["v1", "admin", "apps"],
                    body: .object([
                        "tenantNo": .string(tenant), "name": name.map { .string($0) },
                        "scopes": scope.isEmpty ? nil : .array(scope.map { .string($0) }),
                        "registration": openRegistration ? "open" : "signed",
                    ])
                ).json()
                guard !gateway.json else { return print(answer) }
                print("app made; keep these, they are shown this once")
                for (label, key) in [
                    ("appId      ", "appId"), ("appSecret  ", "appSecret"), ("signingKey ", "signingKey"),
                ] {
                    print("  \(label)\(answer[key]?.string ?? "")")
                }
                print("  sdkAppId   \(answer["sdkAppId"]?.integer ?? 0)")
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show apps.")
        @OptionGroup var gateway: GatewayOptions
        @Option(help: "Of this tenant only.")
        var tenant: String?

        func run() async throws {
            try await reportingFaults {
                let answer = try await gateway.operatorAPI().whole(
                    ["v1", "admin", "apps"], tenantNo: tenant)
                guard !gateway.json else { return print(answer) }
                for app in answer["items"]?.array ?? [] {
                    let state = app["enabled"]?.bool == false ? "  (disabled)" : ""
                    print(
                        "\(app["appId"]?.string ?? "")  \(app["tenantNo"]?.string ?? "")  \(app["name"]?.string ?? "")\(state)"
                    )
                }
            }
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "A new secret. Access tokens of the old one die at once.")
        @OptionGroup var gateway: GatewayOptions
        @Argument var appId: String
        @Flag(help: "A new signing key, too: user signatures of the old one die at once.")
        var signingKey = false

        func run() async throws {
            try await reportingFaults {
                let answer = try await gateway.operatorAPI().call(
                    .post, ["v1", "admin", "apps", appId, "rotate"], body: ["signingKey": .bool(signingKey)]
                ).json()
                guard !gateway.json else { return print(answer) }
                print("appSecret  \(answer["appSecret"]?.string ?? "")")
                if let key = answer["signingKey"]?.string { print("signingKey \(key)") }
            }
        }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stop an app: its tokens and registrations are refused from now on. --enable takes it back.")
        @OptionGroup var gateway: GatewayOptions
        @Argument var appId: String
        @Flag(help: "Let it work again.")
        var enable = false

        func run() async throws {
            try await reportingFaults {
                let answer = try await gateway.operatorAPI().call(
                    .patch, ["v1", "admin", "apps", appId], body: ["enabled": .bool(enable)]
                ).json()
                print(gateway.json ? answer.description : "app \(appId) \(enable ? "enabled" : "disabled")")
            }
        }
    }
}

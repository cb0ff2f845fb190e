import ArgumentParser
import PushGateClient

/// `pushgate tenant`
struct TenantCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tenant", abstract: "Customers, fully isolated from each other.",
        subcommands: [Create.self, List.self, Disable.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a tenant.")
        @OptionGroup var gateway: GatewayOptions
        @Argument(help: "Its number: 1-32 of a-z, 0-9 and -.")
        var tenantNo: String
        @Option(help: "Its name. (default: the number)")
        var name: String?

        func run() async throws {
            try await reportingFaults {
                let answer = try await gateway.operatorAPI().call(
                    .post, ["v1", "admin", "tenants"],
                    body: .object(["tenantNo": .string(tenantNo), "name": name.map { .string($0) }])
                ).json()
                print(gateway.json ? answer.description : "tenant \(tenantNo) made")
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show all tenants.")
        @OptionGroup var gateway: GatewayOptions

        func run() async throws {
            try await reportingFaults {
                let answer = try await gateway.operatorAPI().whole(["v1", "admin", "tenants"])
                guard !gateway.json else { return print(answer) }
                for tenant in answer["items"]?.array ?? [] {
                    let state = tenant["enabled"]?.bool == false ? "  (disabled)" : ""
                    print("\(tenant["tenantNo"]?.string ?? "")  \(tenant["name"]?.string ?? "")\(state)")
                }
            }
        }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stop a tenant: its apps and devices are refused from now on. --enable takes it back.")
        @OptionGroup var gateway: GatewayOptions
        @Argument var tenantNo: String
        @Flag(help: "Let it work again.")
        var enable = false

        func run() async throws {
            try await reportingFaults {
                let answer = try await gateway.operatorAPI().call(
                    .patch, ["v1", "admin", "tenants", tenantNo], body: ["enabled": .bool(enable)]
                ).json()
                print(gateway.json ? answer.description : "tenant \(tenantNo) \(enable ? "enabled" : "disabled")")
            }
        }
    }
}

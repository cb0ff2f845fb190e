import Foundation
import PushCore
import Testing
import Yams

@testable import PushHTTP

/// The document says of the API what the code does.
@Suite struct OpenAPIDocumentTests {
    private let document: OpenAPIDocument

    init() throws { document = try OpenAPIDocument(yaml: PackageResources.openapi_yaml) }

    // MARK: Routes

    @Test func `every route is documented, and no other`() async throws {
        let routes = try await Fixture().gateway.routes.map { "\($0.method.rawValue) \($0.pattern)" }
        let documented = document.operations.map { "\($0.method) \($0.path)" }

        #expect(Set(routes).subtracting(documented) == Self.literals)
        #expect(Set(documented).subtracting(routes) == [])
        #expect(documented.count == Set(documented).count)
    }

    /// Lines of the table for a user called `import`: the paths are documented with `{userId}`.
    private static let literals: Set<String> = [
        "GET /v1/accounts/import", "PUT /v1/accounts/import", "DELETE /v1/accounts/import",
    ]

    @Test func `an operation names the credential that its route asks for`() async throws {
        let routes = try await Fixture().gateway.routes
        for operation in document.operations {
            guard
                let route = routes.first(where: {
                    $0.method.rawValue == operation.method && $0.pattern == operation.path
                })
            else { continue }
            let ways = (operation.node["security"]?.elements ?? []).map { Set($0.members.map(\.name)) }
            switch route.handler {
            case .open: #expect(ways.isEmpty || ways.contains([]), "\(operation.id)")
            case .operator: #expect(ways == [["operator"]], "\(operation.id)")
            case .principal:
                #expect(
                    !ways.isEmpty && ways.allSatisfy { [["app"], ["device"], ["operator", "tenant"]].contains($0) })
                #expect(ways.contains(["app"]) == ways.contains(["operator", "tenant"]), "\(operation.id)")
            }
        }
    }

    @Test func `every operation is described`() throws {
        let tags = Set(document.root["tags"]?.elements.compactMap { $0["name"]?.string } ?? [])
        let ids = document.operations.compactMap { $0.node["operationId"]?.string }
        #expect(Set(ids).count == document.operations.count)
        for operation in document.operations {
            #expect(operation.tags.count == 1 && tags.isSuperset(of: operation.tags), "\(operation.id)")
            #expect(operation.node["summary"]?.string?.isEmpty == false, "\(operation.id)")
            let statuses = operation.node["responses"]?.members.map(\.name) ?? []
            #expect(statuses.contains { $0.hasPrefix("2") }, "\(operation.id)")
            // What the Tencent-compatible API decides is told in the body of a 200.
            let isAlways200 = operation.path.hasPrefix("/v4/")
            #expect(isAlways200 || Set(statuses).isSuperset(of: ["400", "500", "503"]), "\(operation.id)")
            let inPath = Set(operation.path.matches(of: /\{(\w+)\}/).map { String($0.1) })
            let parameters = operation.parameters.compactMap { document.resolved($0) }
            let named = parameters.filter { $0["in"]?.string == "path" }.compactMap { $0["name"]?.string }
            #expect(Set(named) == inPath, "\(operation.id)")
        }
    }

    // MARK: References and lists

    @Test func `every reference leads somewhere`() throws {
        var count = 0
        try Self.walk(document.root) { node in
            guard node["$ref"] != nil else { return }
            count += 1
            #expect(document.resolved(node) != nil, "\(node["$ref"]?.string ?? "")")
        }
        #expect(count > 500)
    }

    @Test func `every component is used`() throws {
        var used: Set<String> = []
        try Self.walk(document.root) { node in
            if let reference = node["$ref"]?.string { used.insert(reference) }
        }
        for (kind, components) in document.root["components"]?.members ?? [] where kind != "securitySchemes" {
            for (name, _) in components.members {
                #expect(used.contains("#/components/\(kind)/\(name)"), "\(kind)/\(name)")
            }
        }
    }

    private static func walk(_ node: Node, _ visit: (Node) throws -> Void) throws {
        try visit(node)
        for (_, value) in node.members { try walk(value, visit) }
        for element in node.elements { try walk(element, visit) }
    }

    private func schema(_ name: String) throws -> Node {
        try #require(document.root["components"]?["schemas"]?[name])
    }

    private func enumeration(_ name: String) throws -> Set<String> { Set(try schema(name)["enum"]?.texts ?? []) }

    @Test func `lists are those of the code`() throws {
        #expect(try enumeration("ErrorCode") == Set(GatewayError.Code.allCases.map(\.rawValue)))
        #expect(try enumeration("Vendor") == Set(Vendor.allCases.map(\.rawValue)))
        #expect(try enumeration("Scope") == Set(Scope.allCases.map(\.rawValue)))
        #expect(try enumeration("OSType") == Set(OSType.allCases.map { "\($0.rawValue)" }))
        let app = try #require(document.root["components"]?["securitySchemes"]?["app"])
        let scopes = app["flows"]?["clientCredentials"]?["scopes"]?.members.map(\.name)
        #expect(Set(scopes ?? []) == Set(Scope.allCases.map(\.rawValue)))
        let reserved = Set(try schema("MessageId")["not"]?["enum"]?.texts ?? [])
        #expect(reserved == IDRules.reservedMessageIDs)
    }

    @Test func `limits are those of the code`() throws {
        let limits = Limits()
        let page = try #require(document.root["components"]?["parameters"]?["limit"]?["schema"])
        #expect(page["maximum"]?.int == limits.pageItemsMax)
        #expect(page["default"]?.int == limits.pageItemsDefault)
        #expect(try schema("Batch")["properties"]?["messages"]?["maxItems"]?.int == limits.batchMessagesMax)
        #expect(try schema("Users")["properties"]?["users"]?["maxItems"]?.int == limits.membersPerCallMax)
        #expect(try schema("TTL")["maximum"]?.int == Int(limits.timeToLiveSecondsMax))
        #expect(
            try schema("DeviceChange")["properties"]?["pushTokens"]?["maxItems"]?.int == limits.pushTokensPerDeviceMax)
        for kind in ["users", "accounts", "groups"] {
            #expect(try schema("Audience")["properties"]?[kind]?["maxItems"]?.int == limits.audienceNamesMax)
        }
    }

    // MARK: Doors

    @Test func `the document is public`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { call in
            let reply = try await call(.get, "/openapi.yaml")
            #expect(reply.status == 200)
            #expect(reply.field("Content-Type") == "application/yaml")
            #expect(Array(reply.text.utf8) == PackageResources.openapi_yaml)
        }
    }
}

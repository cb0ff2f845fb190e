import ArgumentParser
import Foundation
import Testing

@testable import pushgate

@Suite("Settings of serve")
struct ServeSettingsTests {
    private func settings(
        _ flags: [String] = [], environment: [String: String] = [:], file: String? = nil
    ) async throws -> ServeSettings {
        guard let file else { return try await ServeOptions.parse(flags).settings(environment: environment) }
        let path = FileManager.default.temporaryDirectory.appending(path: "settings-\(UUID().uuidString).yaml").path
        try Data(file.utf8).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }  // in the temporary directory
        return try await ServeOptions.parse(flags + ["--config", path]).settings(environment: environment)
    }

    /// What a person is told.
    private func refusal(
        _ flags: [String] = [], environment: [String: String] = [:], file: String? = nil
    ) async throws -> String {
        let error = try await #require(throws: ValidationError.self) {
            try await settings(flags, environment: environment, file: file)
        }
        return error.message
    }

    @Test func `nothing needs to be set`() async throws {
        let settings = try await settings()
        #expect(settings.dataDirectory == "./pushgate-data")
        #expect(settings.http == HostPort(host: "127.0.0.1", port: 8080))
        #expect(settings.mqtt == HostPort(host: "127.0.0.1", port: 1883))
        #expect(settings.mqttWebSocket == nil)
        #expect(settings.credentialSeconds == 604_800)
        #expect(settings.broadcastPace == nil)
        #expect(!settings.allowsPrivateEndpoints)
        #expect(settings.logLevel == .notice)
        #expect(settings.adminToken == nil)
    }

    @Test func `flags win over the environment, which wins over the file`() async throws {
        let file = """
            # all four from here, but for the two that are overridden
            http: 127.0.0.1:1001
            mqtt: 127.0.0.1:1002
            credential-ttl: 600
            allow-private-endpoints: true
            """
        let environment = ["PUSHGATE_HTTP": "127.0.0.1:2001", "PUSHGATE_MQTT": "127.0.0.1:2002"]
        let settings = try await settings(["--http", "127.0.0.1:3001"], environment: environment, file: file)
        #expect(settings.http.port == 3001)
        #expect(settings.mqtt.port == 2002)
        #expect(settings.credentialSeconds == 600)
        #expect(settings.allowsPrivateEndpoints)
    }

    @Test func `numbers and switches come from the environment, too`() async throws {
        let settings = try await settings(environment: [
            "PUSHGATE_CREDENTIAL_TTL": "61", "PUSHGATE_ALLOW_PRIVATE_ENDPOINTS": "1", "PUSHGATE_DATA_DIR": "/srv/push",
            "PUSHGATE_MQTT_WS": "[::1]:9001",
        ])
        #expect(settings.credentialSeconds == 61)
        #expect(settings.allowsPrivateEndpoints)
        #expect(settings.dataDirectory == "/srv/push")
        #expect(settings.mqttWebSocket == HostPort(host: "::1", port: 9001))
    }

    @Test func `the file may be named in the environment`() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "settings-\(UUID().uuidString).yaml").path
        try Data("log-level: debug".utf8).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }  // in the temporary directory
        #expect(try await settings(environment: ["PUSHGATE_CONFIG": path]).logLevel == .debug)
    }

    @Test(arguments: [
        (["--http", "8080"], "http:"), (["--mqtt", "127.0.0.1:70000"], "mqtt:"), (["--mqtt-ws", "x"], "mqtt-ws:"),
        (["--mqtt-public", "x"], "mqtt-public:"), (["--broker", "other"], "broker:"),
        (["--broker", "external"], "mqtt-url:"), (["--mqtt-url", "mqtt://a:b@h:1"], "mqtt-url"),
        (["--tls-cert", "/dev/null"], "tls-cert and tls-key"), (["--store", "memory"], "store:"),
        (["--public-url", "push.example.com"], "public-url:"), (["--credential-ttl", "59"], "credential-ttl:"),
        (["--log-level", "loud"], "log-level:"), (["--ca-file", "/nowhere/ca.pem"], "ca-file:"),
        (["--config", "/nowhere/pushgate.yaml"], "config file"),
    ])
    func `a wrong value is refused by name`(flags: [String], name: String) async throws {
        #expect(try await refusal(flags).contains(name))
    }

    @Test(arguments: [
        ("PUSHGATE_CREDENTIAL_TTL", "week", "credential-ttl:"),
        ("PUSHGATE_ALLOW_PRIVATE_ENDPOINTS", "maybe", "allow-private-endpoints:"),
        ("PUSHGATE_ADMIN_TOKEN", "0123456789012345678901234567890", "32 characters"),
    ])
    func `a wrong value in the environment is refused, not ignored`(
        name: String, value: String, answer: String
    ) async throws {
        #expect(try await refusal(environment: [name: value]).contains(answer))
    }

    @Test func `the text of a refused token is not repeated`() async throws {
        #expect(try await !refusal(environment: ["PUSHGATE_ADMIN_TOKEN": "hunter2"]).contains("hunter2"))
    }

    @Test(arguments: [("htpp: 127.0.0.1:1", "htpp"), ("http: [1, 2", "YAML"), ("credential-ttl: soon", "soon")])
    func `a config file with a mistake is refused`(file: String, answer: String) async throws {
        #expect(try await refusal(file: file).contains(answer))
    }

    @Test func `an external broker has short credentials, for nothing cuts them off before their end`() async throws {
        let settings = try await settings(["--broker", "external", "--mqtt-url", "mqtt://u:p@broker.example.com"])
        #expect(settings.credentialSeconds == 3600)
        guard case .external(let connection) = settings.broker else {
            Issue.record("the broker is not external")
            return
        }
        #expect(connection.host == "broker.example.com")
        #expect(connection.port == 1883)
        #expect(connection.password() == "p")
    }
}

import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import PushCore
import PushHTTP
import PushTestSupport
import Testing

@Suite struct ListenerTests {
    @Test func `a socket serves the same answers`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient(.live) { [fixture] (call: Caller) async throws in
            #expect(try await call(.get, "/healthz").status == 200)
            #expect(try await call(.get, "/v1/devices/me", bearer: fixture.deviceToken).status == 200)
            #expect(try await call(.head, "/healthz").status == 200)
            #expect(try await call(.delete, "/v1/devices/me", bearer: fixture.deviceToken).status == 204)
            #expect(try await call(.get, "/v1/devices/me").field("Date") != nil)
        }
    }

    @Test func `calls from one address are limited on a socket`() async throws {
        let fixture = try await Fixture(anonymousPerSecond: 2)
        try await fixture.withClient(.live) { (call: Caller) async throws in
            var statuses = Set<Int>()
            for _ in 0..<30 { statuses.insert(try await call(.get, "/v1/devices/me").status) }
            #expect(statuses == [401, 429])
        }
    }

    @Test func `an oversize body is refused before it is sent`() async throws {
        let fixture = try await Fixture()
        try await withListener(fixture) { (port: Int) async throws in
            let answer = try await RawConnection(port: port).exchange(
                "POST /v1/groups HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer \(fixture.appToken)\r\n"
                    + "Content-Length: 99999999\r\n\r\n", until: "too_large")
            #expect(answer.hasPrefix("HTTP/1.1 413"))
            #expect(answer.contains("too_large"))
        }
    }

    @Test func `a chunked body beyond the limit is refused`() async throws {
        var limits = Limits()
        limits.requestBytesMax = 4096
        let fixture = try await Fixture(limits: limits)
        try await withListener(fixture) { (port: Int) async throws in
            let chunk = "1000\r\n" + String(repeating: " ", count: 4096) + "\r\n"
            let answer = try await RawConnection(port: port).exchange(
                "POST /v1/groups HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer \(fixture.appToken)\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n" + chunk + chunk, until: "too_large")
            #expect(answer.hasPrefix("HTTP/1.1 413"))
        }
    }

    @Test func `a body that does not come is cut off`() async throws {
        let fixture = try await Fixture { $0.readDeadline = .milliseconds(200) }
        try await withListener(fixture) { (port: Int) async throws in
            let connection = try RawConnection(port: port)
            let answer = try await connection.exchange(
                "POST /v1/groups HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer \(fixture.appToken)\r\n"
                    + "Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{", until: nil)
            #expect(!answer.contains("201"))
            #expect(connection.isEnded)
        }
    }

    @Test func `a connection on which nothing happens is closed`() async throws {
        let fixture = try await Fixture { $0.idleTimeout = .milliseconds(200) }
        try await withListener(fixture) { (port: Int) async throws in
            let connection = try RawConnection(port: port)
            #expect(try await connection.exchange("GET /heal", until: nil).isEmpty)
            #expect(connection.isEnded)
        }
    }

    @Test func `what is no HTTP is answered 400`() async throws {
        let fixture = try await Fixture()
        try await withListener(fixture) { (port: Int) async throws in
            let answer = try await RawConnection(port: port).exchange("\u{16}\u{3}nonsense\r\n\r\n", until: "\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 400"))
        }
    }

    @Test func `TLS is served with the given certificate`() async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "pushgate-tls-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let files = HTTPConfiguration.TLSFiles(
            certificatePath: directory.appending(path: "cert.pem").path,
            keyPath: directory.appending(path: "key.pem").path)
        let openssl = Process()
        openssl.executableURL = URL(filePath: "/usr/bin/env")
        openssl.arguments = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "2",
            "-subj", "/CN=localhost", "-keyout", files.keyPath, "-out", files.certificatePath,
        ]
        openssl.standardError = FileHandle.nullDevice
        try openssl.run()
        openssl.waitUntilExit()
        #expect(openssl.terminationStatus == 0)

        let fixture = try await Fixture { $0.tls = files }
        try await fixture.withClient(.ahc(.https)) { [fixture] (call: Caller) async throws in
            #expect(try await call(.get, "/healthz").status == 200)
            #expect(try await call(.get, "/v1/groups", bearer: fixture.appToken).status == 200)
        }
    }

    @Test func `files that are no certificate are refused at start`() async throws {
        let files = HTTPConfiguration.TLSFiles(certificatePath: "/nonexistent/c.pem", keyPath: "/nonexistent/k.pem")
        let fixture = try await Fixture { $0.tls = files }
        #expect(throws: (any Error).self) { try fixture.gateway.application() }
    }

    private func withListener(
        _ fixture: Fixture, _ body: @escaping @Sendable (Int) async throws -> Void
    ) async throws {
        try await fixture.withClient(.live) { call in try await body(try #require(call.client.port)) }
    }
}
